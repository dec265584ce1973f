import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A certificate made for a test, with its key. */
export interface Issued {
  readonly der: Buffer;
  readonly pem: string;
  readonly keyPem: string;
  readonly serial: Buffer;
}

/** What a certificate is to say; without a word it is one for a client, valid for a day. */
export interface Wishes {
  /** Parts of the subject, the broadest first; `[]` for none. */
  readonly subject?: readonly (readonly [type: keyof typeof ATTRIBUTES, value: string])[];
  /** The DER of a subject, in place of `subject`. */
  readonly subjectDer?: Buffer;
  readonly uris?: readonly string[];
  readonly addresses?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** True for a CA. */
  readonly ca?: boolean;
  readonly pathLength?: number;
  /** Bits by RFC 5280, section 4.2.1.3; `[]` for no such extension. */
  readonly keyUsage?: readonly (keyof typeof USAGES)[];
  /** OIDs; `[]` for no such extension. */
  readonly purposes?: readonly string[];
  /** Further extensions, as they are. */
  readonly extensions?: readonly Buffer[];
  readonly keys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
}

export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

const ATTRIBUTES = {
  CN: '2.5.4.3',
  C: '2.5.4.6',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  DC: '0.9.2342.19200300.100.1.25',
  email: '1.2.840.113549.1.9.1',
} as const;
const USAGES = { digitalSignature: 0, keyEncipherment: 2, keyCertSign: 5, cRLSign: 6 } as const;
const DAY_MS = 86_400_000;

/** One DER element: written here and not by the library that the broker reads with, so that they share no mistake. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const size = content.length;
  const length =
    size < 0x80
      ? [size]
      : size < 0x100
        ? [0x81, size]
        : size < 0x10000
          ? [0x82, size >> 8, size & 0xff]
          : [0x83, size >> 16, (size >> 8) & 0xff, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

/** An OBJECT IDENTIFIER. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const septets = [arc & 0x7f];
    for (let more = arc >> 7; more > 0; more >>= 7) septets.unshift((more & 0x7f) | 0x80);
    return septets;
  });
  return der(0x06, Buffer.from(bytes));
}

/** An extension with the DER `value`. */
export function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  return der(0x30, oid(id), ...(critical ? [TRUE] : []), der(0x04, value));
}

/** A DER `Name` of attributes that are there already. */
export function nameOf(attributes: readonly (readonly [type: string, value: Buffer])[]): Buffer {
  return der(0x30, ...attributes.map(([type, value]) => der(0x31, der(0x30, oid(type), value))));
}

export function pem(label: string, content: Uint8Array): string {
  const lines =
    Buffer.from(content)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

const TRUE = der(0x01, Buffer.from([0xff]));
const ECDSA_SHA256 = der(0x30, oid('1.2.840.10045.4.3.2'));
const text = (value: string): Buffer => der(0x0c, Buffer.from(value));
const integer = (value: number): Buffer => der(0x02, Buffer.from([value]));
const bits = (content: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.from([unused]), content);
const time = (date: Date): Buffer =>
  der(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]|\.\d+/g, '')}`, 'latin1'));

/** An authority that issues certificates and revocation lists, all signed with ECDSA and SHA-256. */
export class Authority {
  readonly certificate: Issued;
  readonly #name: Buffer;
  readonly #key: KeyObject;

  private constructor(certificate: Issued, name: Buffer, key: KeyObject) {
    this.certificate = certificate;
    this.#name = name;
    this.#key = key;
  }

  /** A root that signs itself. */
  static root(name: string, wishes: Wishes = {}): Authority {
    const keys = wishes.keys ?? newKeys();
    const full = { ...asCa(name), ...wishes, keys };
    const subject = subjectOf(full);
    return new Authority(makeCertificate(full, subject, keys.privateKey), subject, keys.privateKey);
  }

  /** The PEM of its certificate. */
  get pem(): string {
    return this.certificate.pem;
  }

  /** An authority below this one. */
  authority(name: string, wishes: Wishes = {}): Authority {
    const keys = wishes.keys ?? newKeys();
    const full = { ...asCa(name), ...wishes, keys };
    return new Authority(makeCertificate(full, this.#name, this.#key), subjectOf(full), keys.privateKey);
  }

  /** A certificate; for a client unless `wishes` say otherwise. */
  issue(wishes: Wishes = {}): Issued {
    return makeCertificate(wishes, this.#name, this.#key);
  }

  /** A certificate and key for a server on 127.0.0.1. */
  server(wishes: Wishes = {}): Issued {
    return this.issue({
      subject: [['CN', 'broker']],
      addresses: ['127.0.0.1'],
      purposes: [SERVER_AUTH],
      ...wishes,
    });
  }

  /** A revocation list in PEM; due in a day unless said otherwise, null to leave that out. */
  revocations(
    revoked: readonly Issued[],
    {
      nextUpdate = new Date(Date.now() + DAY_MS),
      extensions = [],
      entryExtensions = [],
    }: {
      readonly nextUpdate?: Date | null;
      readonly extensions?: readonly Buffer[];
      readonly entryExtensions?: readonly Buffer[];
    } = {},
  ): string {
    const since = time(new Date(Date.now() - DAY_MS));
    const entry = ({ serial }: Issued): Buffer =>
      der(
        0x30,
        der(0x02, serial),
        since,
        ...(entryExtensions.length > 0 ? [der(0x30, ...entryExtensions)] : []),
      );
    const list = der(
      0x30,
      integer(1),
      ECDSA_SHA256,
      this.#name,
      since,
      ...(nextUpdate === null ? [] : [time(nextUpdate)]),
      ...(revoked.length > 0 ? [der(0x30, ...revoked.map(entry))] : []),
      ...(extensions.length > 0 ? [der(0xa0, der(0x30, ...extensions))] : []),
    );
    return pem('X509 CRL', signed(list, this.#key));
  }
}

function asCa(name: string): Wishes {
  return { subject: [['CN', name]], ca: true, keyUsage: ['keyCertSign', 'cRLSign'], purposes: [] };
}

function newKeys() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function subjectOf({ subject = [['CN', 'client']], subjectDer }: Wishes): Buffer {
  return subjectDer ?? nameOf(subject.map(([type, value]) => [ATTRIBUTES[type], text(value)]));
}

function makeCertificate(wishes: Wishes, issuer: Buffer, key: KeyObject): Issued {
  const { publicKey, privateKey } = wishes.keys ?? newKeys();
  const now = Date.now();
  const { notBefore = new Date(now - DAY_MS), notAfter = new Date(now + DAY_MS) } = wishes;
  const serial = Buffer.concat([Buffer.from([0x01]), randomBytes(15)]);
  const tbs = der(
    0x30,
    der(0xa0, integer(2)),
    der(0x02, serial),
    ECDSA_SHA256,
    issuer,
    der(0x30, time(notBefore), time(notAfter)),
    subjectOf(wishes),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(0x30, ...extensionsOf(wishes))),
  );
  const whole = signed(tbs, key);
  const keyPem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return { der: whole, pem: pem('CERTIFICATE', whole), keyPem, serial };
}

function signed(tbs: Buffer, key: KeyObject): Buffer {
  return der(0x30, tbs, ECDSA_SHA256, bits(sign('sha256', tbs, key)));
}

function extensionsOf(wishes: Wishes): Buffer[] {
  const { ca = false, pathLength, keyUsage = ['digitalSignature'], purposes = [CLIENT_AUTH] } = wishes;
  const names = [
    ...(wishes.uris ?? []).map((uri) => der(0x86, Buffer.from(uri, 'latin1'))),
    ...(wishes.addresses ?? []).map((address) => der(0x87, Buffer.from(address.split('.').map(Number)))),
  ];
  const path = pathLength === undefined ? [] : [integer(pathLength)];
  const extensions = [extension('2.5.29.19', true, der(0x30, ...(ca ? [TRUE, ...path] : [])))];
  if (keyUsage.length > 0) extensions.push(extension('2.5.29.15', true, usageBits(keyUsage)));
  if (purposes.length > 0) extensions.push(extension('2.5.29.37', false, der(0x30, ...purposes.map(oid))));
  if (names.length > 0) extensions.push(extension('2.5.29.17', false, der(0x30, ...names)));
  return [...extensions, ...(wishes.extensions ?? [])];
}

function usageBits(usages: readonly (keyof typeof USAGES)[]): Buffer {
  const byte = usages.reduce((sum, usage) => sum | (0x80 >> USAGES[usage]), 0);
  return bits(Buffer.from([byte]));
}
