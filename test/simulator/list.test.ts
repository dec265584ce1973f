import t, { type Test } from 'tap';
import { type Simulator, startSimulator } from '../../simulator/server.ts';
import { call, itemsOf } from './lm-client.ts';

const ALL = '/setting/admins/apitokens';

async function withNotes(t: Test, notes: string[]): Promise<Simulator> {
  const simulator = await startSimulator({ settings: { limits: 'off' } });
  t.teardown(() => simulator.close());
  for (const note of notes) simulator.addKey({ adminId: 32, note });
  return simulator;
}

async function notesFound({ url }: Simulator, filter: string): Promise<unknown> {
  const reply = await call(url, 'GET', `/setting/admins/32/apitokens?filter=${encodeURIComponent(filter)}`);
  return reply.status === 200 ? itemsOf(reply).map(({ note }) => note) : reply.body['errorCode'];
}

t.test('a list is 50 long, at most 1000, and says its total', async (t) => {
  const { url } = await withNotes(
    t,
    Array.from({ length: 1004 }, (_, n) => `note ${n}`),
  );
  const lengths: unknown[] = [];
  for (const query of ['', '?size=7', '?size=5000', '?offset=1000', '?offset=2000']) {
    const reply = await call(url, 'GET', `${ALL}${query}`);
    t.match(reply.body, { total: 1005, searchId: null });
    lengths.push(itemsOf(reply).length);
  }
  t.same(lengths, [50, 7, 1000, 5, 0]);
  for (const query of ['size=0', 'size=x', 'offset=-1', 'sort=nothing'])
    t.match(await call(url, 'GET', `${ALL}?${query}`), { status: 400, body: { errorCode: 1400 } });
});

t.test('fields and sort are heeded', async (t) => {
  const { url } = await withNotes(t, ['b', 'a', 'c']);
  t.same(itemsOf(await call(url, 'GET', '/setting/admins/32/apitokens?fields=note,id&sort=-id')), [
    { id: 4, note: 'c' },
    { id: 3, note: 'a' },
    { id: 2, note: 'b' },
  ]);
  for (const sort of ['+note', '%2Bnote', 'note']) {
    const reply = await call(url, 'GET', `/setting/admins/32/apitokens?fields=note&sort=${sort}`);
    t.same(itemsOf(reply), [{ note: 'a' }, { note: 'b' }, { note: 'c' }]);
  }
});

t.test('each form of LM’s filter finds what it says', async (t) => {
  const simulator = await withNotes(t, ['plain', 'run [lmtb:abc]', 'a, b | "c"', '*']);
  const { accessId } = simulator.addKey({ adminId: 32, note: 'last' });
  const found = (filter: string) => notesFound(simulator, filter);
  t.same(await found('note:"plain"'), ['plain']);
  t.same(await found('note:plain'), ['plain']);
  t.same(await found(`accessId:"${accessId}"`), ['last']);
  t.same(await found('id:2'), ['plain']);
  t.same(await found('id>4,id<6'), ['*']);
  t.same(await found('id>:5,id<:6'), ['*', 'last']);
  t.same(await found('note~"abc"'), ['run [lmtb:abc]']);
  t.same(await found('note:"*abc*"'), ['run [lmtb:abc]']);
  t.same(await found('note:"run*b*c]"'), ['run [lmtb:abc]']);
  t.same(await found('note:"run [lmtb:abc]"'), ['run [lmtb:abc]']);
  t.same(await found('note:"run \\%5Blmtb:abc\\%5D"'), ['run [lmtb:abc]'], 'as PowerShell encodes brackets');
  t.same(await found('note:"a, b | \\"c\\""'), ['a, b | "c"']);
  t.same(await found('note:"plain"|"last"'), ['plain', 'last']);
  t.same(await found('note:"plain"||note:"last",status:1||id:5'), ['plain', '*']);
  t.same(await found('note!:"plain",note!~"a"'), ['*']);
  t.same(await found('roles:"readonly",note:"plain"'), ['plain']);
  t.same(await found('note:"lain"'), []);
  for (const bad of [
    'note',
    'note:',
    'note:"x',
    'secret:"x"',
    'note:"x",',
    'note="x"',
    '"x"',
    'accessKey:"x"',
  ])
    t.equal(await found(bad), 1400, bad);
});

t.test('list faults: a blind filter, a lag, a shift between pages', async (t) => {
  const simulator = await withNotes(t, ['one', 'run [lmtb:abc]', 'two']);
  simulator.faults.add({ kind: 'filterFindsNothing' });
  for (const filter of ['note:"run [lmtb:abc]"', 'note~"lmtb:abc"', 'note:"run \\%5Blmtb*"'])
    t.same(await notesFound(simulator, filter), [], filter);
  t.same(await notesFound(simulator, 'note~"abc"'), ['run [lmtb:abc]']);
  simulator.faults.clear();

  simulator.faults.add({ kind: 'listLags', ms: 60_000, times: 1 });
  t.same(await notesFound(simulator, 'note~"one"'), []);
  t.same(await notesFound(simulator, 'note~"one"'), ['one']);

  simulator.faults.add({ kind: 'listShifts', by: 1 });
  const page = async (offset: number) =>
    itemsOf(
      await call(simulator.url, 'GET', `/setting/admins/32/apitokens?size=1&offset=${offset}&fields=note`),
    );
  t.same([await page(0), await page(1)], [[{ note: 'one' }], [{ note: 'two' }]]);
});
