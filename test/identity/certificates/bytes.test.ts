import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ClientCertificates } from '../../../src/identity/certificates/client-certificates.ts';
import { TrustFault } from '../../../src/identity/certificates/trust.ts';
import { systemClock } from '../../../src/mint/clock.ts';
import { pem } from '../../support/certificates.ts';
import { judgedBy, root, runner, SPIFFE_ID, verdictOf } from './judge.ts';

const withoutOpenssl = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed';

t.test('no bit of a certificate or a list can be changed and the caller still be known', async (t) => {
  const peer = runner(root);
  const list = Buffer.from(root.revocations([]).split('\n').slice(1, -2).join(''), 'base64');
  const flipped = (bytes: Buffer, at: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy.writeUInt8(copy.readUInt8(at) ^ (1 << (at % 8)), at);
    return copy;
  };
  const { certificates, verdict } = await judgedBy(root.pem);
  t.equal(verdict(peer), SPIFFE_ID);
  const verdicts = [...peer.der.keys()].map((at) => verdict({ ...peer, der: flipped(peer.der, at) }));
  t.strictSame(Object.keys(Object.groupBy(verdicts, String)).sort(), [
    'certificate-unfit',
    'certificate-untrusted',
  ]);
  for (const at of list.keys()) {
    const taken = await certificates.trust({ ca: root.pem, crl: pem('X509 CRL', flipped(list, at)) }).then(
      () => verdict(peer),
      (fault) => (fault instanceof TrustFault ? 'refused' : String(fault)),
    );
    if (taken !== 'refused' && taken !== 'certificate-status-unknown') t.fail(`byte ${at}: ${taken}`);
    await certificates.trust({ ca: root.pem, crl: undefined });
  }
});

t.test('certificates and lists that openssl makes are read', { skip: withoutOpenssl }, async (t) => {
  const folder = t.testdir({
    'ca.cnf': '[ca]\ndefault_ca=here\n[here]\ndatabase=index\ndefault_md=sha256\ndefault_crl_days=1\n',
    'client.cnf': `subjectAltName=URI:${SPIFFE_ID}\nextendedKeyUsage=clientAuth\n`,
    index: '',
  });
  const openssl = (line: string) =>
    execFileSync('openssl', line.split(' '), { cwd: folder, stdio: 'ignore' });
  const text = (name: string) => readFileSync(join(folder, name), 'utf8');
  openssl('req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /C=DE/CN=made -days 2');
  const lists: string[] = [];
  openssl('ca -config ca.cnf -gencrl -keyfile ca.key -cert ca.pem -out crl.pem');
  lists.push(text('crl.pem'));
  openssl('req -newkey ed25519 -nodes -keyout client.key -out client.csr -subj /O=Example/CN=ci');
  openssl(
    'x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile client.cnf -out client.pem',
  );
  openssl('x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out plain.pem');
  openssl('ca -config ca.cnf -revoke client.pem -keyfile ca.key -cert ca.pem -crl_reason keyCompromise');
  openssl('ca -config ca.cnf -gencrl -keyfile ca.key -cert ca.pem -out crl.pem');
  lists.push(text('crl.pem'));
  const chain = (name: string) => ({ chain: [new X509Certificate(text(name)).raw] });
  const certificates = new ClientCertificates({ clock: systemClock });
  const seen = [];
  for (const crl of lists) {
    await certificates.trust({ ca: text('ca.pem'), crl });
    seen.push(...['client.pem', 'plain.pem'].map((name) => verdictOf(certificates, chain(name))));
  }
  t.strictSame(seen, [SPIFFE_ID, 'CN=ci,O=Example', 'certificate-revoked', 'CN=ci,O=Example']);
});
