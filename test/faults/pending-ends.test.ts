import { connect } from 'node:net';
import t from 'tap';
import { isProblem } from '../support/problem.ts';
import { startStack, until } from '../support/stack.ts';

t.test('while a thousand undelivered tokens cannot be ended, nothing more is minted', async (t) => {
  const stack = await startStack(t, { simulator: { settings: { limits: 'off' } } });
  const { simulator, broker, callerJwt } = stack;
  const noDelete = simulator.faults.add({ kind: 'status', method: 'DELETE', status: 503, body: 'html' });
  const slow = simulator.faults.add({ kind: 'delayAfterCommit', method: 'POST', ms: 200 });
  const { hostname, port } = new URL(broker.url);
  const request = [
    'POST /admins/32/tokens HTTP/1.1',
    'Host: broker',
    `Authorization: Bearer ${callerJwt}`,
    'Content-Type: application/json',
    'Content-Length: 2',
    '',
    '{}',
  ].join('\r\n');
  // Ten callers after one another, each with a hundred requests on its connection, hang up once LM has the first.
  for (let caller = 1; caller <= 10; caller++) {
    const before = simulator.state().tokens.length;
    const socket = connect(Number(port), hostname).on('error', () => {});
    socket.write(request.repeat(100));
    await until(() => simulator.state().tokens.length > before, 'the first token of this caller');
    socket.destroy();
    await until(
      async () => (await stack.get('/readyz')).body.pendingEnds === caller * 100,
      `${caller * 100} ends`,
    );
  }
  isProblem(t, await stack.mint(32), 'upstream-unavailable');
  const refused = async () => (await stack.records()).at(-1)?.kind === 'request';
  await until(refused, 'the record of a request that reached no intent');

  simulator.faults.clear(slow);
  simulator.faults.clear(noDelete);
  await until(async () => (await stack.get('/readyz')).body.pendingEnds < 1_000, 'the first token to end');
  t.equal((await stack.mint(32)).status, 201, 'and then minting goes on');
});
