import t from 'tap';
import { startStack } from '../support/stack.ts';
t.test('x', async (t) => {
  console.error(Date.now());
  const stack = await startStack(t);
  console.error(Date.now());
  const a = await stack.mint(32, {note: 'hi'});
  t.equal(a.status, 201);
  console.error(Date.now(), a.body);
  console.error(await stack.records());
  console.error(await stack.log());
});
