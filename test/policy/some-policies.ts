import fc from 'fast-check';

const text = fc.constantFrom('""', '"n"', '"x"', '"INC-7"', '"*"', '"🔑n"');
const pattern = fc.constantFrom(
  '"*"',
  '"INC-*"',
  '"*n*"',
  '"n*n"',
  '"*n*n"',
  '"*n*n*"',
  '"\\*"',
  '"🔑*"',
  '"*C*7*"',
  '"spiffe://*"',
);
const team = fc.constantFrom('Team::"t1"', 'Team::"t2"', 'Team::"t3"');
const group = fc.constantFrom('Group::"g1"', 'Group::"g2"', 'Group::"g3"');
const service = fc.constantFrom(
  'Service::"demo:a"',
  'Service::"demo:b"',
  'Service::"other:a"',
  'Service::"demo:stranger"',
);
const admin = fc.constantFrom('Admin::"1"', 'Admin::"2"', 'Admin::"5"');
const range = fc.constantFrom(
  '"10.0.0.0/8"',
  '"10.1.2.3/7"',
  '"127.0.0.1"',
  '"203.0.113.0/24"',
  '"0.0.0.0/0"',
  '"fd00::/8"',
  '"FD00::1/127"',
  '"::1"',
  '"::/0"',
);
const comparison = fc.constantFrom('==', '!=', '<', '<=', '>', '>=');

/** The pieces put one after another, each made anew. */
function said(...pieces: (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> {
  return fc
    .tuple(...pieces.map((piece) => (typeof piece === 'string' ? fc.constant(piece) : piece)))
    .map((all) => all.join(''));
}

const number = fc.oneof(
  fc.constantFrom('context.status', 'context.ttl', 'context.time.weekday', 'context.claims.run'),
  fc.constantFrom('0', '1', '-1', '7', '10', '60', '9007199254740991'),
  said('context.ttl ', fc.constantFrom('+', '-', '*'), ' ', fc.constantFrom('2', '2000', 'context.ttl')),
  fc.constant('context.time.hour * 60 + context.time.minute'),
);
/** What questions have a number of, compared with those that they have. */
const numberMet = fc
  .constantFrom<[string, string[]]>(
    ['context.ttl', ['0', '60', '3600', '9007199254740991']],
    ['context.status', ['1', '2']],
    ['context.time.hour', ['0', '1', '10']],
    ['context.time.minute', ['0', '59']],
    ['context.time.weekday', ['1', '4', '7']],
    ['context.claims.run', ['-1', '0', '7']],
  )
  .chain(([variable, values]) => said(variable, ' ', comparison, ' ', fc.constantFrom(...values)));
const given = fc.constantFrom(
  'context.note',
  'context.reason',
  'context.type',
  'context.issuer',
  'context.certificate',
  'principal.subject',
  'principal.alias',
  'principal.issuer',
  'context.claims.repo',
);
const aText = fc.oneof({ arbitrary: given, weight: 2 }, text);

/** Conditions that are always of the type Bool, but may fail: by a claim that is not there, or an overflow. */
const { condition } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    said(aText, fc.constantFrom(' == ', ' != '), aText),
    said(aText, ' like ', pattern),
    said(fc.constantFrom('context.note', 'context.reason'), ' like ', pattern),
    numberMet,
    said(number, ' ', comparison, ' ', number),
    fc.constantFrom('true', 'false', 'context.wrap', '!context.wrap'),
    fc.constantFrom('context.claims.safe', '!context.claims.safe'),
    said('context.sourceAddress.isInRange(ip(', range, '))'),
    said('context.sourceAddress == ip(', range, ')'),
    said('context.sourceAddress.', fc.constantFrom('isLoopback()', 'isIpv4()', 'isIpv6()', 'isMulticast()')),
    said(
      'context has ',
      fc.constantFrom('note', 'certificate', 'claims', 'claims.repo', 'time.hour', '"time.hour"', 'nothing'),
    ),
    said('context.claims has ', fc.constantFrom('repo', 'run', 'tags', 'safe', 'other')),
    said('context.claims has repo && context.claims.repo == ', text),
    said(
      'context.claims has tags && context.claims.tags.',
      fc.constantFrom('contains("n")', 'isEmpty()', 'containsAny(["x", "n"])', 'containsAll(["x"])'),
    ),
    said('principal == ', service),
    said('principal in ', fc.oneof(team, service, said('[', team, ', ', team, ']'))),
    said('principal is Service in ', team),
    said('resource == ', admin),
    said('resource in ', fc.oneof(group, admin, said('[', group, ', ', group, ']'))),
    said('resource is ', fc.constantFrom('Admin', 'Service')),
    said(fc.oneof(service, admin), ' in ', fc.oneof(team, group)),
    said('action == Action::"', fc.constantFrom('mintToken', 'revokeToken'), '"'),
    said('action in ', fc.constantFrom('Action::"writing"', 'Action::"revokeToken"')),
    fc.constantFrom(
      'context == {note: "n"}',
      'context.time == {hour: 10, minute: 0, weekday: 1}',
      'context.claims == {repo: "n"}',
      '{Var: context.note, "Value": 1}.Var == "n"',
      '[context.note, "x"].contains(context.reason)',
      '(if context.wrap then context else context).note == "n"',
      '(if context.wrap then principal else principal).subject == "a"',
      '[principal, resource].contains(Service::"demo:a")',
      '{a: principal} == {a: Service::"demo:a"}',
      'context["time.hour"] == 1',
      'context["claims"]["repo"] == "n"',
      'principal has subject',
      'principal has other',
    ),
    said('!(', tie('condition'), ')'),
    said('(', tie('condition'), ') && (', tie('condition'), ')'),
    said('(', tie('condition'), ') || (', tie('condition'), ')'),
    said('if ', tie('condition'), ' then ', tie('condition'), ' else ', tie('condition')),
  ),
}));

const principalScope = fc.oneof(
  fc.constantFrom('principal', 'principal is Service', 'principal is Admin'),
  said('principal == ', service),
  said('principal in ', fc.oneof(team, team, service)),
  said('principal is Service in ', team),
);
/** Groups of actions are rare, since Cedar has to parse the schema for each. */
const actionScope = fc.oneof(
  {
    arbitrary: fc.constantFrom(
      'action',
      'action == Action::"mintToken"',
      'action in [Action::"mintToken", Action::"revokeToken"]',
      'action == Action::"revokeToken"',
    ),
    weight: 9,
  },
  {
    arbitrary: fc.constantFrom(
      'action in Action::"writing"',
      'action in [Action::"writing"]',
      'action in [Action::"revokeToken"]',
    ),
    weight: 1,
  },
);
const resourceScope = fc.oneof(
  fc.constantFrom('resource', 'resource is Admin', 'resource is Service'),
  said('resource == ', admin),
  said('resource in ', fc.oneof(group, group, admin)),
  said('resource is Admin in ', group),
);
/** Conditions that read one thing, each of which must therefore be told apart by that alone. */
const single = fc.oneof(
  numberMet,
  said(given, ' == ', text),
  said('context has ', fc.constantFrom('certificate', 'claims.repo', 'claims.tags')),
  said('principal == ', service),
  said('resource in ', group),
);
/** A set that is not written out is always Cedar's to look at, so what stands in it is told by Cedar too. */
const body = fc.oneof(
  { arbitrary: condition, weight: 4 },
  { arbitrary: said('[', condition, '].contains(true)'), weight: 1 },
  { arbitrary: said('[', single, '].contains(true)'), weight: 2 },
);
const clause = said(fc.constantFrom(' when { ', ' unless { '), body, ' }');

const policy = said(
  fc.constantFrom('permit', 'permit', 'permit', 'forbid'),
  ' (',
  fc.oneof(fc.constant('principal'), principalScope),
  ', ',
  actionScope,
  ', ',
  fc.oneof(fc.constant('resource'), resourceScope),
  ')',
  fc.array(clause, { maxLength: 2 }).map((clauses) => clauses.join('')),
  ';',
);

/** The policies of a bundle, with all forms of scope and of conditions; few enough that each one's error is told. */
export const policiesText: fc.Arbitrary<string> = fc
  .array(policy, { minLength: 1, maxLength: 9 })
  .map((policies) => policies.map((one, index) => `@id("p${index}")\n${one}\n`).join(''));
