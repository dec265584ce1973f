import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { readCertificate } from '../../../src/identity/certificates/certificate.ts';
import { ClientCertificates } from '../../../src/identity/certificates/client-certificates.ts';
import { pathsTo } from '../../../src/identity/certificates/path.ts';
import { Authority, CLIENT_AUTH, der, extension, SERVER_AUTH } from '../../support/certificates.ts';
import { FakeClock } from '../../support/clock.ts';
import { judgedBy, NOW, root, runner, SPIFFE_ID, verdictOf } from './judge.ts';

t.test('each CA on the way may issue what is below it', async (t) => {
  const { verdict } = await judgedBy(root.pem);
  const first = root.authority('first');
  const way = (ca: Authority, ...more: readonly Authority[]): string =>
    verdict(runner(ca), ca.certificate, ...more.map(({ certificate }) => certificate));
  const refusedWay = 'certificate-untrusted';
  t.equal(way(first), SPIFFE_ID);
  t.equal(way(first.authority('second'), first), SPIFFE_ID);
  t.equal(verdict(runner(first.authority('second'))), refusedWay, 'without its intermediates');
  const second = first.authority('second');
  t.equal(verdict(runner(second), first.certificate, second.certificate), SPIFFE_ID, 'in any order');

  t.equal(way(root.authority('no CA', { ca: false })), refusedWay);
  t.equal(way(root.authority('may not sign', { keyUsage: ['cRLSign'] })), refusedWay);
  t.equal(way(root.authority('for servers', { purposes: [SERVER_AUTH] })), refusedWay);
  t.equal(way(root.authority('for clients', { purposes: [CLIENT_AUTH] })), SPIFFE_ID);
  const last = root.authority('last', { pathLength: 0 });
  t.equal(way(last), SPIFFE_ID);
  t.equal(way(last.authority('one too many'), last), refusedWay);
  const none = extension('2.5.29.30', true, der(0x30));
  t.equal(way(root.authority('constrained', { extensions: [none] })), refusedWay, 'name constraints');

  const impostor = Authority.root('first');
  t.equal(verdict(runner(impostor), first.certificate), refusedWay, 'signed by another of the same name');
  t.equal(
    verdict(runner(impostor), impostor.certificate, first.certificate),
    refusedWay,
    'a root that came along',
  );
});

t.test('a CA in the file that is no root is trusted by itself', async (t) => {
  const issuing = root.authority('issuing');
  const { verdict } = await judgedBy(issuing.pem);
  t.equal(verdict(runner(issuing)), SPIFFE_ID);
  t.equal(verdict(runner(root)), 'certificate-untrusted');
});

t.test('times are those of every certificate on the way, to the second and with no leeway', async (t) => {
  const at = (seconds: number) => new Date(NOW + seconds * 1000);
  const first = root.authority('first', { notBefore: at(-50), notAfter: at(50) });
  const { clock, verdict } = await judgedBy(root.pem);
  const peer = runner(first, { notBefore: at(-100), notAfter: at(100) });
  const own = runner(root, { notBefore: at(-10), notAfter: at(10) });
  const seen = () => [verdict(own), verdict(peer, first.certificate)];
  t.strictSame(seen(), [SPIFFE_ID, SPIFFE_ID]);
  clock.step(10_000);
  t.strictSame(seen(), [SPIFFE_ID, SPIFFE_ID]);
  clock.step(1);
  t.strictSame(seen(), ['certificate-expired', SPIFFE_ID]);
  clock.step(40_000);
  t.strictSame(seen(), ['certificate-expired', 'certificate-expired']);
  clock.step(-60_002);
  t.strictSame(seen(), ['certificate-not-yet-valid', SPIFFE_ID], 'the clock was set back');
  clock.step(-40_000);
  t.strictSame(seen(), ['certificate-not-yet-valid', 'certificate-not-yet-valid']);
});

t.test('one good way suffices, whatever came of another', async (t) => {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const other = Authority.root('other root');
  const old = root.authority('issuing', { keys, notAfter: new Date(NOW - 1000) });
  const renewed = other.authority('issuing', { keys });
  const { verdict } = await judgedBy(root.pem + other.pem);
  const peer = runner(old);
  t.equal(verdict(peer, old.certificate), 'certificate-expired');
  t.equal(verdict(peer, old.certificate, renewed.certificate), SPIFFE_ID);
});

t.test('CAs that come along by the dozen cost a bounded number of signatures', async (t) => {
  // All of one name and key, so that each has issued each: without a bound there are more ways than atoms.
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const crowd = Array.from({ length: 60 }, () => Authority.root('crowd', { keys }));
  let verified = 0;
  const [leaf, ...cas] = [
    runner(root.authority('crowd', { keys })),
    ...crowd.map((ca) => ca.certificate),
  ].map(({ der }) => {
    const certificate = readCertificate(der);
    const { x509 } = certificate;
    const verify = x509.verify.bind(x509);
    x509.verify = (key) => {
      verified += 1;
      return verify(key);
    };
    return certificate;
  });
  t.strictSame(leaf && pathsTo([readCertificate(root.certificate.der)], leaf, cas), []);
  t.ok(verified > 10 && verified < 50, `${verified} signatures`);
});

t.test('nothing is trusted before anything was read', async (t) => {
  t.equal(
    verdictOf(new ClientCertificates({ clock: new FakeClock(NOW) }), { chain: [runner(root).der] }),
    'certificate-untrusted',
  );
  const { certificates } = await judgedBy(root.pem);
  t.equal(verdictOf(certificates, { chain: [] }), 'certificate-unfit');
  t.equal(verdictOf(certificates, { chain: [Buffer.from('nothing')] }), 'certificate-unfit');
});
