import t from 'tap';
import { TrustFault } from '../../../src/identity/certificates/trust.ts';
import { Authority, der, extension, pem } from '../../support/certificates.ts';
import { judgedBy, NOW, root, runner, SPIFFE_ID } from './judge.ts';

t.test('revocation is what the lists of the issuer, signed by it, say today', async (t) => {
  const first = root.authority('first');
  const [own, below] = [runner(root), runner(first)];
  const states = async (crl: string | undefined): Promise<string[]> => {
    const { verdict } = await judgedBy(root.pem, crl);
    return [verdict(own), verdict(below, first.certificate)];
  };
  const [all, unknown, revoked] = [SPIFFE_ID, 'certificate-status-unknown', 'certificate-revoked'];
  const due = (ms: number) => ({ nextUpdate: new Date(NOW + ms) });
  t.strictSame(await states(undefined), [all, all]);
  t.strictSame(
    await states(root.revocations([])),
    [all, unknown],
    'an issuer without a list vouches for nobody',
  );
  t.strictSame(await states(first.revocations([])), [unknown, all], 'a CA above it needs none');
  const lists = root.revocations([]) + first.revocations([]);
  t.strictSame(await states(lists), [all, all]);
  t.strictSame(await states(root.revocations([own]) + first.revocations([])), [revoked, all]);
  t.strictSame(await states(lists + first.revocations([below])), [all, revoked], 'in one of two');
  t.strictSame(await states(root.revocations([first.certificate]) + first.revocations([])), [all, revoked]);
  t.strictSame(
    await states(root.revocations([below]) + first.revocations([own])),
    [all, all],
    'by another CA',
  );
  t.strictSame(await states(root.revocations([], due(-1000)) + first.revocations([])), [unknown, unknown]);
  t.strictSame(await states(root.revocations([own], due(-1000)) + first.revocations([])), [revoked, unknown]);
  t.strictSame(await states(root.revocations([], due(-1000)) + lists), [all, all], 'and a newer one');
  const impostor = Authority.root('first');
  t.strictSame(await states(root.revocations([]) + impostor.revocations([])), [all, unknown], 'a forged one');
  const mute = Authority.root('mute', { keyUsage: ['keyCertSign'] });
  await t.rejects(
    judgedBy(mute.pem, mute.revocations([])),
    { name: 'TrustFault', file: 'crl' },
    'a CA that may sign no lists',
  );
});

t.test('a list that is over is told, and vouches again when the next is there', async (t) => {
  const peer = runner(root);
  const { clock, certificates, verdict } = await judgedBy(
    root.pem,
    root.revocations([], { nextUpdate: new Date(NOW + 1000) }),
  );
  t.strictSame(certificates.state(), { ok: true, fault: null });
  clock.step(1001);
  t.equal(verdict(peer), 'certificate-status-unknown');
  t.strictSame(certificates.state(), { ok: false, fault: 'the revocation list is overdue: CN=root' });
  await certificates.trust({ ca: root.pem, crl: root.revocations([]) });
  t.strictSame(certificates.state(), { ok: true, fault: null });
  t.equal(verdict(peer), SPIFFE_ID);
});

t.test('lists that say less than all are refused, and what was trusted stays', async (t) => {
  const { certificates, verdict } = await judgedBy(root.pem, root.revocations([]));
  const peer = runner(root);
  const critical = extension('1.3.6.1.4.1.1.1', true, der(0x05));
  const rows: [name: string, crl: string, message: RegExp][] = [
    ['no end', root.revocations([], { nextUpdate: null }), /CN=root does not say when the next is due/],
    [
      'a delta',
      root.revocations([], { extensions: [extension('2.5.29.27', true, der(0x02, Buffer.from([1])))] }),
      /2\.5\.29\.27/,
    ],
    [
      'a part',
      root.revocations([], { extensions: [extension('2.5.29.28', false, der(0x30))] }),
      /2\.5\.29\.28/,
    ],
    ['critical entries', root.revocations([peer], { entryExtensions: [critical] }), /entry with a critical/],
    ['no list', pem('X509 CRL', der(0x30)), /is not a revocation list/],
    ['cut off', pem('X509 CRL', Buffer.from([0x30, 0x82, 0xff, 0xff, 0x30])), /is not a revocation list/],
    ['another’s', Authority.root('root').revocations([]), /CN=root that this CA has not signed/],
    ['none', 'text', /no revocation list/],
  ];
  for (const [name, crl, message] of rows) {
    await t.rejects(
      certificates.trust({ ca: root.pem, crl }),
      { name: 'TrustFault', file: 'crl', message },
      name,
    );
    t.equal(verdict(peer), SPIFFE_ID, `${name}: the ones before count`);
  }
  for (const [ca, message] of [
    ['text', /no certificate/],
    [root.pem + peer.pem, /CN=client, which is not a CA/],
    [root.pem + pem('CERTIFICATE', der(0x30)), /cannot be read/],
    [Authority.root('n', { extensions: [extension('2.5.29.30', true, der(0x30))] }).pem, /name constraints/],
  ] as const)
    await t.rejects(certificates.trust({ ca, crl: undefined }), {
      name: TrustFault.name,
      file: 'ca',
      message,
    });
  const reasons = [extension('2.5.29.21', false, der(0x0a, Buffer.from([1])))];
  await certificates.trust({ ca: root.pem, crl: root.revocations([peer], { entryExtensions: reasons }) });
  t.equal(verdict(peer), 'certificate-revoked', 'a reason may stand there');
});

t.test('what a resumed session does not bring is remembered, and judged by the trust of now', async (t) => {
  const first = root.authority('first');
  const peer = runner(first);
  const { certificates, verdict } = await judgedBy(root.pem);
  t.equal(verdict(peer), 'certificate-untrusted', 'nothing is known of it yet');
  t.equal(verdict(peer, first.certificate), SPIFFE_ID);
  t.equal(verdict(peer), SPIFFE_ID);
  await certificates.trust({ ca: Authority.root('other').pem, crl: undefined });
  t.equal(verdict(peer), 'certificate-untrusted');
  await certificates.trust({ ca: root.pem, crl: undefined });
  t.equal(verdict(peer), SPIFFE_ID);
  await certificates.trust({ ca: root.pem, crl: first.revocations([peer]) });
  t.equal(verdict(peer), 'certificate-revoked');
});
