import { createSecretKey } from 'node:crypto';
import { inspect } from 'node:util';
import t from 'tap';
import { signLmv1 } from '../../src/logicmonitor/lmv1.ts';

/** Computed by logicmonitor-sdk 3.0.256; the keys are LM's published example or made up. */
const vectors = [
  {
    name: 'V1 minimal create',
    verb: 'POST',
    epochMs: 1700000000000,
    accessId: '48v2wRzfK94y53sq5EuF',
    path: '/setting/admins/32/apitokens',
    key: 'H_D9i(f5~B^U36^K6i42=^nS~e75gy382Bf6{)P+',
    body: '{}',
    signature: 'YWFkZTE4MTJkMWM5Y2M4ZGRkMWU3NjA0YTdiMDM3YmZhOGJkZTFhYjMxNzkxYTZkN2I1YWUyYmYzNWM5ZTk2Yg==',
  },
  {
    name: 'V2 create with note and status',
    verb: 'POST',
    epochMs: 1700000000001,
    accessId: '48v2wRzfK94y53sq5EuF',
    path: '/setting/admins/32/apitokens',
    key: 'H_D9i(f5~B^U36^K6i42=^nS~e75gy382Bf6{)P+',
    body: '{"note":"ci runner","status":2}',
    signature: 'MWMxYjE4MGIyNWZhYTFiMzBiZjdhY2NhYTBiYzgyNGRmMWNjNTQ0ZjQ3MjYxMWU2YjQwM2Y5MjVlYjUxNzBmZg==',
  },
  {
    name: 'V3 raw UTF-8 body and non-ASCII key',
    verb: 'POST',
    epochMs: 1733000000123,
    accessId: 'abcDEF123',
    path: '/setting/admins/7/apitokens',
    key: 'k3y-ünïcode-密',
    body: '{"note":"Zoë – 世界 🚀"}',
    signature: 'YTQyZjA2NTBiYTM3ZjY3NGExZmNjMmZiMDgxMDYwN2Y5ZTQ3YzlmZTg2YzhlODJlMTg1Y2IyYWRiYzQ0MDg1Ng==',
  },
  {
    name: 'V4 list all, no body',
    verb: 'GET',
    epochMs: 1700000000000,
    accessId: 'testAccessId',
    path: '/setting/admins/apitokens',
    key: 'testAccessKey',
    body: '',
    signature: 'NGM2YzBjNWQxNTUyNTVjMzU2OTczZDFjOTU3MWI4NjA2Y2IyZGY4MTczYzM1MTcxYWQzZWU1MGIwNmNlNjkyMw==',
  },
  {
    name: 'V5 list one user, no body',
    verb: 'GET',
    epochMs: 1700000000000,
    accessId: 'testAccessId',
    path: '/setting/admins/32/apitokens',
    key: 'testAccessKey',
    body: '',
    signature: 'ZWVmODliOTRlNDAwN2RmZTQ2NGY1ZjdhZjNmNTg2MmEyZTU3ZWMxN2Y3MWJkNWY1MTY1YTJiMTA5MmYzNmY5Nw==',
  },
  {
    name: 'V6 PATCH, space after the colon',
    verb: 'PATCH',
    epochMs: 1699999999999,
    accessId: 'testAccessId',
    path: '/setting/admins/32/apitokens/248',
    key: 'testAccessKey',
    body: '{"status": 1}',
    signature: 'MDE5MzNhMTMzMGZkZTY4YzEyZTk0YzMzMThmMDQ2YzJmNGFjMDIzYjU3MmRjOGVmNDc3NGU3Nzk3OTEwZjUwNg==',
  },
  {
    name: 'V7 DELETE without body (PowerShell style)',
    verb: 'DELETE',
    epochMs: 1700000000000,
    accessId: 'testAccessId',
    path: '/setting/admins/32/apitokens/248',
    key: 'testAccessKey',
    body: '',
    signature: 'YjZjMzA2YTQ0ZWRjMGM4YTY2YjU2OTM5MGI3Njk3ZmEwOTM5Mzk0MmM2ZGRiZTg3ODM0MjFjOWNmZDllMWZiYw==',
  },
  {
    name: 'V8 DELETE with body `{}` (Python SDK style)',
    verb: 'DELETE',
    epochMs: 1700000000000,
    accessId: 'testAccessId',
    path: '/setting/admins/32/apitokens/248',
    key: 'testAccessKey',
    body: '{}',
    signature: 'M2NlYjAyZGVhNjVkYTBlYmZhN2IwYTUxNDU4YzhlMTViOTM4NmQ2MWZjZDI3ZmMzMTI1MDFkMTdmZDI1NzgzNg==',
  },
  {
    name: 'V9 body with a trailing newline (Go client style)',
    verb: 'POST',
    epochMs: 1700000000000,
    accessId: 'testAccessId',
    path: '/setting/admins/32/apitokens',
    key: 'testAccessKey',
    body: '{"note":"trailing newline"}\n',
    signature: 'ZTNkYzg1MDlmNzg3MDhkYTE1NWQ3Mjk4OTI3MTEzZWQ0YWIyMmIxNTQ0ZTRlZGMyYTgwMjdjMWI3YmY5Yzc5OA==',
  },
  {
    name: 'V10 escapes and odd spacing kept as sent',
    verb: 'POST',
    epochMs: 1,
    accessId: 'i',
    path: '/setting/admins/2147483647/apitokens',
    key: 'x',
    body: '{ "note" : "a\\u00e9\\"b\\\\c" }',
    signature: 'YWJiZDJlZDIyM2QwMDE0NjkxYTIxNjQ5ZTY1NDVlZDM4ZDVlYTY1MDc2ZTdkNzMxYTRmNzdkMDAzNzAwNzYyZg==',
  },
  {
    name: 'V11 PUT, key with URL-special characters',
    verb: 'PUT',
    epochMs: 4102444800000,
    accessId: 'ID',
    path: '/setting/admins/1/apitokens/1',
    key: 'a+b/c=d e&f?g#h%20',
    body: '{"note":"","status":1}',
    signature: 'NTI1YmFjY2Y0YWI2YjJhYzk5MjNlZmFkYTIwY2VlMzdhNjYwOWFhZjhmNWQ3YmNjOWYzNTc5NDJjOTYwNTlkNA==',
  },
];

for (const { name, key, signature, ...rest } of vectors) {
  t.test(`signs as LM’s own SDK does: ${name}`, async (t) => {
    const keyObject = createSecretKey(Buffer.from(key, 'utf8'));
    const expected = `LMv1 ${rest.accessId}:${signature}:${rest.epochMs}`;
    t.equal(signLmv1({ ...rest, key: keyObject }).reveal(), expected);
    const bytes = signLmv1({ ...rest, body: Buffer.from(rest.body, 'utf8'), key: keyObject });
    t.equal(bytes.reveal(), expected, 'bytes and text sign alike');
    t.notMatch(`${inspect(bytes)}${JSON.stringify(bytes)}${bytes}`, signature, 'and are not rendered');
  });
}
