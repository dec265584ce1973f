import t from 'tap';
import {
  CLIENT_AUTH,
  der,
  extension,
  nameOf,
  oid,
  SERVER_AUTH,
  type Wishes,
} from '../../support/certificates.ts';
import { judgedBy, root, runner, SPIFFE_ID } from './judge.ts';

t.test('a name is the SPIFFE ID that is the only URI, else the subject, or there is none', async (t) => {
  const { verdict } = await judgedBy(root.pem);
  const subject = [['CN', 'ci']] as const;
  const rows: [uris: readonly string[], name: string][] = [
    [[SPIFFE_ID], SPIFFE_ID],
    [[], 'CN=ci'],
    [['https://prod.example/'], 'CN=ci'],
    [['https://prod.example/', 'urn:x:y'], 'CN=ci'],
    [[SPIFFE_ID, SPIFFE_ID], 'certificate-unfit'],
    [['https://prod.example/', SPIFFE_ID], 'certificate-unfit'],
    [['SPIFFE://prod.example/ci'], 'certificate-unfit'],
    [['spiffe://Prod.example/ci'], 'certificate-unfit'],
    [['spiffe://prod.example'], 'certificate-unfit'],
    [['spiffe://prod.example/'], 'certificate-unfit'],
    [['spiffe://prod.example/a/../b'], 'certificate-unfit'],
    [['spiffe://prod.example/a%2fb'], 'certificate-unfit'],
    [['spiffe://prod.example/a?x=y'], 'certificate-unfit'],
    [['spiffe://user@prod.example/a'], 'certificate-unfit'],
    [['spiffe://prod.example/a\0b'], 'certificate-unfit'],
    [['spiffe:prod.example/a'], 'certificate-unfit'],
    [[`spiffe://prod.example/${'a'.repeat(1100)}`], 'certificate-unfit'],
  ];
  for (const [uris, name] of rows)
    t.equal(verdict(root.issue({ subject, uris })), name, JSON.stringify(uris));
});

t.test('a subject is written by RFC 4514, and two that differ never read the same', async (t) => {
  const { verdict } = await judgedBy(root.pem);
  const utf8 = (value: string) => der(0x0c, Buffer.from(value));
  const CN = '2.5.4.3';
  const rows: [subject: Wishes, name: string][] = [
    [
      {
        subject: [
          ['C', 'DE'],
          ['O', 'Example'],
          ['CN', 'ci'],
        ],
      },
      'CN=ci,O=Example,C=DE',
    ],
    [
      {
        subject: [
          ['DC', 'example'],
          ['CN', 'ci'],
        ],
      },
      'CN=ci,DC=example',
    ],
    [{ subject: [['CN', 'ci,O=Example']] }, 'CN=ci\\,O=Example'],
    [{ subject: [['CN', ' a b ']] }, 'CN=\\ a b\\ '],
    [{ subject: [['CN', ' ']] }, 'CN=\\ '],
    [{ subject: [['CN', '#a#']] }, 'CN=\\#a#'],
    [{ subject: [['CN', 'a+b;c<d>e"f\\g']] }, 'CN=a\\+b\\;c\\<d\\>e\\"f\\\\g'],
    [{ subject: [['CN', 'admin\0.example']] }, 'CN=admin\\00.example'],
    [{ subject: [['CN', 'a\u202eb\n']] }, 'CN=a\\e2\\80\\aeb\\0a'],
    [{ subject: [['CN', 'Łódź']] }, 'CN=Łódź'],
    [{ subject: [['email', 'a@b.example']] }, '1.2.840.113549.1.9.1=#0c0b6140622e6578616d706c65'],
    [{ subjectDer: nameOf([[CN, der(0x14, Buffer.from('té', 'latin1'))]]) }, 'CN=#140274e9'],
    [{ subjectDer: nameOf([[CN, der(0x13, Buffer.from('printable'))]]) }, 'CN=printable'],
    [
      {
        subjectDer: der(
          0x30,
          der(0x31, der(0x30, oid(CN), utf8('a')), der(0x30, oid('2.5.4.11'), utf8('b'))),
        ),
      },
      'CN=a+OU=b',
    ],
    [{ subjectDer: nameOf([[CN, der(0x0c, Buffer.from([0xff, 0xfe]))]]) }, 'certificate-unfit'],
    [{ subject: [] }, 'certificate-unfit'],
    [{ subject: [['CN', 'x'.repeat(1100)]] }, 'certificate-unfit'],
  ];
  for (const [wishes, name] of rows) t.equal(verdict(root.issue(wishes)), name, name);
});

t.test('a certificate is for clients, and all that it asks for is understood', async (t) => {
  const { verdict } = await judgedBy(root.pem);
  const unknown = extension('1.3.6.1.4.1.1.1', true, der(0x05));
  const rows: [name: string, wishes: Wishes, fit: boolean][] = [
    ['without key usage', { keyUsage: [] }, true],
    ['without extended key usage', { purposes: [] }, true],
    ['for servers and clients', { purposes: [SERVER_AUTH, CLIENT_AUTH] }, true],
    ['for servers', { purposes: [SERVER_AUTH] }, false],
    ['that may not sign', { keyUsage: ['keyEncipherment'] }, false],
    ['that may sign certificates', { keyUsage: ['digitalSignature', 'keyCertSign'] }, false],
    ['that may sign lists', { keyUsage: ['digitalSignature', 'cRLSign'] }, false],
    ['of a CA', { ca: true }, false],
    ['with a critical extension that nobody knows', { extensions: [unknown] }, false],
    ['with one that is not critical', { extensions: [extension('1.3.6.1.4.1.1.1', false, der(0x05))] }, true],
    [
      'with an extension twice',
      { extensions: [extension('2.5.29.37', false, der(0x30, oid(CLIENT_AUTH)))] },
      false,
    ],
  ];
  for (const [name, wishes, fit] of rows)
    t.equal(verdict(runner(root, wishes)), fit ? SPIFFE_ID : 'certificate-unfit', name);
});
