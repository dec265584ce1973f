import t from 'tap';
import { parseLmv1, signatureFits } from '../../simulator/lmv1.ts';

/** Computed by LogicMonitor's own Python SDK, version 3.0.256. */
const EXAMPLE = 'H_D9i(f5~B^U36^K6i42=^nS~e75gy382Bf6{)P+';
const VECTORS: {
  name: string;
  verb: string;
  epoch: string;
  path: string;
  key: string;
  body: string;
  sig: string;
}[] = [
  {
    name: 'V1 minimal create',
    verb: 'POST',
    epoch: '1700000000000',
    path: '/setting/admins/32/apitokens',
    key: EXAMPLE,
    body: '{}',
    sig: 'YWFkZTE4MTJkMWM5Y2M4ZGRkMWU3NjA0YTdiMDM3YmZhOGJkZTFhYjMxNzkxYTZkN2I1YWUyYmYzNWM5ZTk2Yg==',
  },
  {
    name: 'V2 create with note and status',
    verb: 'POST',
    epoch: '1700000000001',
    path: '/setting/admins/32/apitokens',
    key: EXAMPLE,
    body: '{"note":"ci runner","status":2}',
    sig: 'MWMxYjE4MGIyNWZhYTFiMzBiZjdhY2NhYTBiYzgyNGRmMWNjNTQ0ZjQ3MjYxMWU2YjQwM2Y5MjVlYjUxNzBmZg==',
  },
  {
    name: 'V3 raw UTF-8 body and non-ASCII key',
    verb: 'POST',
    epoch: '1733000000123',
    path: '/setting/admins/7/apitokens',
    key: 'k3y-ünïcode-密',
    body: '{"note":"Zoë – 世界 🚀"}',
    sig: 'YTQyZjA2NTBiYTM3ZjY3NGExZmNjMmZiMDgxMDYwN2Y5ZTQ3YzlmZTg2YzhlODJlMTg1Y2IyYWRiYzQ0MDg1Ng==',
  },
  {
    name: 'V4 list all, no body',
    verb: 'GET',
    epoch: '1700000000000',
    path: '/setting/admins/apitokens',
    key: 'testAccessKey',
    body: '',
    sig: 'NGM2YzBjNWQxNTUyNTVjMzU2OTczZDFjOTU3MWI4NjA2Y2IyZGY4MTczYzM1MTcxYWQzZWU1MGIwNmNlNjkyMw==',
  },
  {
    name: 'V5 list one user, no body',
    verb: 'GET',
    epoch: '1700000000000',
    path: '/setting/admins/32/apitokens',
    key: 'testAccessKey',
    body: '',
    sig: 'ZWVmODliOTRlNDAwN2RmZTQ2NGY1ZjdhZjNmNTg2MmEyZTU3ZWMxN2Y3MWJkNWY1MTY1YTJiMTA5MmYzNmY5Nw==',
  },
  {
    name: 'V6 PATCH, space after the colon',
    verb: 'PATCH',
    epoch: '1699999999999',
    path: '/setting/admins/32/apitokens/248',
    key: 'testAccessKey',
    body: '{"status": 1}',
    sig: 'MDE5MzNhMTMzMGZkZTY4YzEyZTk0YzMzMThmMDQ2YzJmNGFjMDIzYjU3MmRjOGVmNDc3NGU3Nzk3OTEwZjUwNg==',
  },
  {
    name: 'V7 DELETE without body (PowerShell style)',
    verb: 'DELETE',
    epoch: '1700000000000',
    path: '/setting/admins/32/apitokens/248',
    key: 'testAccessKey',
    body: '',
    sig: 'YjZjMzA2YTQ0ZWRjMGM4YTY2YjU2OTM5MGI3Njk3ZmEwOTM5Mzk0MmM2ZGRiZTg3ODM0MjFjOWNmZDllMWZiYw==',
  },
  {
    name: 'V8 DELETE with body `{}` (Python SDK style)',
    verb: 'DELETE',
    epoch: '1700000000000',
    path: '/setting/admins/32/apitokens/248',
    key: 'testAccessKey',
    body: '{}',
    sig: 'M2NlYjAyZGVhNjVkYTBlYmZhN2IwYTUxNDU4YzhlMTViOTM4NmQ2MWZjZDI3ZmMzMTI1MDFkMTdmZDI1NzgzNg==',
  },
  {
    name: 'V9 body with a trailing newline (Go client style)',
    verb: 'POST',
    epoch: '1700000000000',
    path: '/setting/admins/32/apitokens',
    key: 'testAccessKey',
    body: '{"note":"trailing newline"}\n',
    sig: 'ZTNkYzg1MDlmNzg3MDhkYTE1NWQ3Mjk4OTI3MTEzZWQ0YWIyMmIxNTQ0ZTRlZGMyYTgwMjdjMWI3YmY5Yzc5OA==',
  },
  {
    name: 'V10 escapes and odd spacing kept as sent',
    verb: 'POST',
    epoch: '1',
    path: '/setting/admins/2147483647/apitokens',
    key: 'x',
    body: '{ "note" : "a\\u00e9\\"b\\\\c" }',
    sig: 'YWJiZDJlZDIyM2QwMDE0NjkxYTIxNjQ5ZTY1NDVlZDM4ZDVlYTY1MDc2ZTdkNzMxYTRmNzdkMDAzNzAwNzYyZg==',
  },
  {
    name: 'V11 PUT, key with URL-special characters',
    verb: 'PUT',
    epoch: '4102444800000',
    path: '/setting/admins/1/apitokens/1',
    key: 'a+b/c=d e&f?g#h%20',
    body: '{"note":"","status":1}',
    sig: 'NTI1YmFjY2Y0YWI2YjJhYzk5MjNlZmFkYTIwY2VlMzdhNjYwOWFhZjhmNWQ3YmNjOWYzNTc5NDJjOTYwNTlkNA==',
  },
];

for (const { name, sig, key, body, verb, epoch, path } of VECTORS) {
  t.test(`the SDK's signature fits, and no neighbour of it: ${name}`, async (t) => {
    const signed = { verb, epoch, body: Buffer.from(body), path };
    t.ok(signatureFits(sig, key, signed));
    t.notOk(signatureFits(sig, `${key}.`, signed));
    t.notOk(signatureFits(sig, key, { ...signed, verb: 'HEAD' }));
    t.notOk(signatureFits(sig, key, { ...signed, epoch: '1700000000009' }));
    t.notOk(signatureFits(sig, key, { ...signed, body: Buffer.from(`${body} `) }));
    t.notOk(signatureFits(sig, key, { ...signed, path: `${path}/` }));
    t.notOk(signatureFits(sig.slice(0, -1), key, signed));
  });
}

t.test('a signature over the raw 32 bytes, not their hex text, does not fit', async (t) => {
  const raw = Buffer.from(Buffer.from(VECTORS[0]?.sig ?? '', 'base64').toString(), 'hex').toString('base64');
  const signed = {
    verb: 'POST',
    epoch: '1700000000000',
    body: Buffer.from('{}'),
    path: '/setting/admins/32/apitokens',
  };
  t.notOk(signatureFits(raw, EXAMPLE, signed));
});

t.test('only the one form of the header is read', async (t) => {
  t.same(parseLmv1('LMv1 id:c2ln:1'), { accessId: 'id', signature: 'c2ln', epoch: '1' });
  for (const bad of [
    '',
    'LMv1',
    'lmv1 id:c2ln:1',
    'LMv1 id:c2ln',
    'LMv1 id:c2ln:1x',
    'LMv1 id:c2ln:1 ',
    'LMv1 :c2ln:1',
  ])
    t.equal(parseLmv1(bad), undefined, bad);
});
