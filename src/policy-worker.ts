import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { loadAnswer } from './compose-bundle.ts';

// A thread of its own, which loads one bundle and ends: of a large one that takes a second, in which requests go on.
const { folder, enforceable } = z.object({ folder: z.string(), enforceable: z.boolean() }).parse(workerData);
parentPort?.postMessage(await loadAnswer(folder, { enforceable }));
