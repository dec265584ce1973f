import { readFileSync } from 'node:fs';

/** Resident memory of a process, in MB (1,000,000 bytes). Linux only. */
export function residentMb(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (Number(kib) * 1_024) / 1_000_000;
}
