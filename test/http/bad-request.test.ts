import t from 'tap';
import { startStack } from '../support/stack.ts';
import { bodies, JSON_TYPE, one, printed, Refusals } from './refused.ts';

const stack = await startStack(t);
const refused = new Refusals(t, stack);

const authorization = ['Authorization', `Bearer ${stack.callerJwt}`] as const;
const invalid = 'invalid-request' as const;

refused.known(
  'an id that is not a decimal integer from 1 to 2147483647 is 400',
  [
    ...[
      '',
      '0',
      '-1',
      '+32',
      '032',
      '1e3',
      '32.0',
      '0x20',
      '2147483648',
      '9'.repeat(400),
      'me',
      '32 ',
      ' 32',
    ],
    ...['32/../33', '32\u0000', '٣٢', '３２', '²', '32;a', '32,33', '__proto__'],
  ].map((id) => ({
    name: `:id ${printed(id)}`,
    problem: invalid,
    pointers: ['path:id'],
    path: `/admins/${encodeURIComponent(id)}/tokens`,
    admin: null,
  })),
);

refused.unknown('a path that cannot be decoded is 400 before anybody is asked who they are', [
  { name: '%zz', problem: invalid, pointers: ['path:'], path: '/admins/%zz/tokens' },
  { name: 'overlong UTF-8', problem: invalid, pointers: ['path:'], path: '/admins/%C0%AF/tokens' },
]);

refused.known('what is announced but not there yet is refused by name', [
  ...bodies([one('ttl', '45m'), one('ttl', 60), one('wrapTtl', '5m')]),
  {
    name: 'one key',
    problem: invalid,
    more: [['Idempotency-Key', 'k']],
    pointers: ['header:Idempotency-Key'],
  },
  {
    name: 'two keys',
    problem: invalid,
    more: [
      ['Idempotency-Key', 'k'],
      ['idempotency-key', 'l'],
    ],
    pointers: ['header:Idempotency-Key'],
  },
  {
    name: 'everything at once',
    problem: invalid,
    path: '/admins/0/tokens?dryRun=1&x=2',
    more: [['Idempotency-Key', 'k']],
    body: '{"ttl":1,"note":2}',
    pointers: ['query:x', 'query:dryRun', 'header:Idempotency-Key', 'path:id', '/note', '/ttl'],
    admin: null,
  },
]);

refused.known(
  'a query parameter that this path does not know is 400',
  (
    [
      ['v=3', ['query:v']],
      ['type=bearer', ['query:type']],
      ['DryRun=true', ['query:DryRun']],
      ['a=1&b=2&a=3', ['query:a', 'query:b']],
      ['=1', ['query:']],
      ['__proto__=1', ['query:__proto__']],
      ['%zz', ['query:%zz']],
    ] as const
  ).map(([query, pointers]) => ({
    name: `?${query}`,
    problem: invalid,
    path: `/admins/32/tokens?${query}`,
    pointers,
  })),
);

refused.known(
  'a body that is not said to be plain JSON in UTF-8 is 415',
  (
    [
      [],
      [['Content-Type', '']],
      [['Content-Type', 'text/plain']],
      [['Content-Type', 'json']],
      [['Content-Type', '{}']],
      [['Content-Type', 'text/json']],
      [['Content-Type', 'application/json-seq']],
      [['Content-Type', 'application/problem+json']],
      [['Content-Type', 'application/x-www-form-urlencoded']],
      [['Content-Type', 'multipart/form-data; boundary=x']],
      [['Content-Type', 'application/json, text/plain']],
      [['Content-Type', 'application/json; charset=iso-8859-1']],
      [['Content-Type', 'application/json; charset=utf-16']],
      [['Content-Type', 'application/json; charset=']],
      [['Content-Type', 'application/json; charset=utf-8; charset=utf-16']],
      [['Content-Type', 'application/json; profile=x']],
      [JSON_TYPE, ['Content-Encoding', 'gzip']],
      [JSON_TYPE, ['Content-Encoding', 'br, identity']],
      [JSON_TYPE, ['Content-Encoding', 'identity'], ['Content-Encoding', 'gzip']],
    ] as const
  ).map((headers) => ({
    name: headers.map((header) => header.join(': ')).join(', ') || 'no media type',
    problem: 'unsupported-media-type' as const,
    headers: [authorization, ...headers],
  })),
);

refused.unknown(
  'a caller that sends no credentials, several, or odd ones is 401 before its request is looked at',
  (
    [
      ['none', []],
      ['the same twice', [authorization, authorization]],
      ['two', [authorization, ['authorization', 'Bearer x.y.z']]],
      ['Basic', [['Authorization', 'Basic dTpw']]],
      ['no token', [['Authorization', 'Bearer']]],
      ['a token and more', [['Authorization', `Bearer ${stack.callerJwt} x`]]],
      ['an odd media type', [['Content-Type', 'json']]],
    ] as const
  ).map(([name, headers]) => ({
    name,
    problem: 'unauthenticated' as const,
    headers,
    path: '/admins/0/tokens?x=1',
    body: 'no JSON',
  })),
);

const ALLOW = [
  ['/admins/32/tokens', 'POST', ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY']],
  ['/admins/x/tokens?y=1', 'POST', ['GET']],
  ['/admins//tokens', 'POST', ['GET']],
  ['/healthz', 'GET, HEAD', ['POST', 'DELETE', 'OPTIONS', 'QUERY']],
  ['/readyz', 'GET, HEAD', ['POST', 'PUT', 'MKCOL']],
  ['/openapi.json', 'GET, HEAD', ['POST', 'PATCH', 'PURGE']],
] as const;

refused.unknown(
  'a method that a path does not know is 405 with those that it knows',
  ALLOW.flatMap(([path, allow, methods]) =>
    methods.map((method) => ({
      name: `${method} ${path}`,
      problem: 'method-not-allowed' as const,
      method,
      path,
      headers: [],
      allow,
    })),
  ),
);

refused.unknown(
  'a path that is not there is 404, and so is one that only looks like ours',
  [
    ...['/', '/admins', '/admins/32', '/admins/32/', '/admins/32/tokens/', '//admins/32/tokens'],
    ...[
      '/Admins/32/tokens',
      '/admins/32/tokens/7',
      '/admins/32/33/tokens',
      '/mints/x',
      '/healthz/',
      '/metrics',
      '/docs',
      '/openapiXjson',
    ],
    ...['/admins/32%2Ftokens', '/.env', '/admins/32/tokens;x', '/readyz%00'],
  ].flatMap((path) =>
    ['GET', 'POST', 'QUERY'].map((method) => ({
      name: `${method} ${path}`,
      problem: 'not-found' as const,
      method,
      path,
    })),
  ),
);

refused.allOnRecord();
