import { DerFault, type Element, elements, inside, TAG } from './der.ts';

/** The short names of RFC 4514, section 3, by the hexadecimal content of their OIDs. All others are written as OIDs. */
const SHORT: Readonly<Record<string, string>> = {
  '550403': 'CN',
  '550406': 'C',
  '550407': 'L',
  '550408': 'ST',
  '550409': 'STREET',
  '55040a': 'O',
  '55040b': 'OU',
  '0992268993f22c640119': 'DC',
  '0992268993f22c640101': 'UID',
};
const TEXTS: readonly number[] = [TAG.utf8String, TAG.printableString, TAG.ia5String];

/**
 * A DER `Name` as text by RFC 4514, the last part first. Names that differ in a character, or in where one part ends,
 * give different texts: what could be read in two ways is escaped, or is written in hexadecimal. Throws `DerFault`.
 */
export function nameText(name: Uint8Array): string {
  return inside(name, TAG.sequence)
    .map(({ whole }) => inside(whole, TAG.set).map(attributeText).join('+'))
    .reverse()
    .join(',');
}

function attributeText({ whole }: Element): string {
  const [type, value, ...more] = inside(whole, TAG.sequence);
  if (type?.tag !== TAG.oid || value === undefined || more.length > 0) throw new DerFault('no attribute');
  const short = SHORT[Buffer.from(type.content).toString('hex')];
  // Section 2.4: an OID goes with the value's bytes. So do strings whose character set is anybody's guess.
  if (short === undefined || !TEXTS.includes(value.tag))
    return `${short ?? oidText(type.content)}=#${Buffer.from(value.whole).toString('hex')}`;
  return `${short}=${escaped(textOf(value.content))}`;
}

function textOf(content: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw new DerFault('text that is not UTF-8');
  }
}

/** RFC 4514, section 2.4; control and format characters too, since a reader would not see them. */
function escaped(text: string): string {
  return text
    .replace(/["+,;<>\\]/g, '\\$&')
    .replace(/^[# ]|(?<!^) $/g, '\\$&')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
      [...Buffer.from(character)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join(''),
    );
}

/** Dotted decimal of an OID's content (X.690, section 8.19). Throws `DerFault`. */
function oidText(content: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(arc)) throw new DerFault('an OID too large');
    if (byte >= 0x80) continue;
    if (arcs.length === 0) {
      const first = Math.min(2, Math.floor(arc / 40));
      arcs.push(first, arc - first * 40);
    } else arcs.push(arc);
    arc = 0;
  }
  return arcs.join('.');
}

/** Whether a DER `Name` has no part at all. Throws `DerFault`. */
export function isEmptyName(name: Uint8Array): boolean {
  return [...elements(name)].every(({ content }) => content.length === 0);
}
