import t from 'tap';
import { startSimulator } from '../../simulator/server.ts';
import { call } from './lm-client.ts';

t.test('without X-Version 3, or v=3, everything is HTTP 200 in the old envelope', async (t) => {
  const { url, close } = await startSimulator();
  t.teardown(close);
  const tokens = '/setting/admins/32/apitokens';
  for (const version of [null, '1', '2']) {
    const made = await call(url, 'POST', tokens, { note: 'n' }, { version });
    t.match(made, {
      status: 200,
      body: { status: 200, errmsg: 'OK', data: { note: 'n', accessKey: String } },
    });
  }
  const wrong = await call(url, 'POST', tokens, {}, { version: null, signedBody: 'x' });
  t.same([wrong.status, wrong.body], [200, { status: 1401, errmsg: 'Authentication failed', data: null }]);
  const unknown = await call(url, 'POST', '/setting/admins/99/apitokens', {}, { version: null });
  t.match(unknown, { status: 200, body: { status: 1404, data: null } });
  const byQuery = await call(url, 'POST', `${tokens}?v=3`, { note: 'q' }, { version: null });
  t.match(byQuery, { status: 200, body: { note: 'q', accessKey: String } });
});
