import type { IncomingMessage } from 'node:http';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  LogController,
} from 'fastify';
import { serializerCompiler } from 'fastify-type-provider-zod';
import { type RandomBytes, requestIdFrom } from '../mint/ids.ts';
import { asProblem, Problem } from '../mint/problems.ts';
import { answerBrokenRequest } from './broken-request.ts';
import { everyHeader, sourceAddress } from './call.ts';
import { healthRoutes } from './health-routes.ts';
import { type MintRouteParts, mintRoute } from './mint-route.ts';
import { describeApi, documentRoute } from './openapi.ts';
import { watchPaths } from './paths.ts';
import { sendProblem } from './problem-reply.ts';
import type { Ready } from './schemas.ts';
import type { Tls } from './tls.ts';
import { serveTls, tlsOptions } from './tls-server.ts';

interface ServerSettings {
  readonly headerLimit: number;
  readonly receiveTimeoutMs: number;
  readonly maxInFlight: number;
  readonly trustedProxies: readonly string[];
}

export interface ServerParts extends MintRouteParts {
  readonly settings: ServerSettings;
  readonly readiness: () => Ready;
  readonly randomBytes: RandomBytes;
  /** The broker's certificate; without one it speaks plain HTTP. */
  readonly tls: Tls | undefined;
}

/** How much longer than its longest request a connection may be silent, ms. */
const SILENCE_MS = 5_000;
/** How long after its due time Node notices that a request has not arrived, ms. */
const NODE_CHECKS_EVERY_MS = 500;

/** Builds the server for callers; it listens when the caller says so. */
export async function publicServer(parts: ServerParts): Promise<FastifyInstance> {
  const { settings, lifecycle, countRefusal, randomBytes, tls } = parts;
  const http = {
    maxHeaderSize: settings.headerLimit,
    connectionsCheckingInterval: NODE_CHECKS_EVERY_MS,
    requireHostHeader: false, // Node's own answer has no body; `refuseWithoutHost` gives ours
  };
  const app: FastifyInstance = Fastify({
    loggerInstance: quiet(parts.log),
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    requestIdHeader: false,
    genReqId: (request) => requestIdFrom(everyHeader(request.rawHeaders, 'x-request-id'), randomBytes),
    trustProxy: settings.trustedProxies.length > 0 ? [...settings.trustedProxies] : false,
    routerOptions: { maxParamLength: settings.headerLimit, ignoreTrailingSlash: false, caseSensitive: true },
    return503OnClosing: false,
    http,
    ...(tls && { https: { ...http, ...tlsOptions(tls, settings.receiveTimeoutMs) } }),
    requestTimeout: settings.receiveTimeoutMs + 2 * NODE_CHECKS_EVERY_MS,
    clientErrorHandler: answerBrokenRequest(countRefusal, randomBytes),
    frameworkErrors: (fault, request, reply) => {
      const problem = frameworkProblem(fault);
      countRefusal(problem.problem, {
        address: sourceAddress(request),
        requestId: request.id,
        detail: fault.code,
      });
      reply.header('x-request-id', request.id);
      sendProblem(reply, problem);
    },
  });
  app.server.headersTimeout = settings.receiveTimeoutMs;
  // A caller that neither sends nor reads for longer than a request may take holds no connection, and no answers. Node
  // counts anew, once, from an answer that went out in part.
  app.server.timeout = parts.requestTimeoutMs + SILENCE_MS;
  // Node drops headers beyond a count without a word, a repeated `Authorization` too; their size is bounded already.
  app.server.maxHeadersCount = 0;
  // Node's own 417 has no body. An expectation that is not known may be ignored (RFC 9110, section 10.1.1).
  app.server.on('checkExpectation', (request, response) => app.routing(request, response));
  if (tls !== undefined) serveTls(app, tls, { countRefusal, randomBytes });
  app.setSerializerCompiler(serializerCompiler);
  acceptAnyBodyUnread(app);

  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    refuseWithoutHost(request.raw);
    if (isForOperators(request.url)) return;
    if (lifecycle.phase === 'draining') {
      throw new Problem('draining', 'This broker is shutting down.', { retryAfterS: 1 });
    }
    if (lifecycle.inFlight >= settings.maxInFlight) {
      throw new Problem('overloaded', 'The broker has more requests than it can serve.', { retryAfterS: 1 });
    }
  });

  // Not in `onRequest`: a request that came before SIGTERM is answered after it.
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (lifecycle.ending) reply.header('connection', 'close');
    done(null, payload);
  });

  app.setErrorHandler((fault: FastifyError | Problem, request, reply) => {
    const problem = fault instanceof Problem ? fault : frameworkProblem(fault);
    countRefusal(problem.problem, {
      address: sourceAddress(request),
      requestId: request.id,
      detail: problem.message,
    });
    if (problem.problem === 'internal-error')
      parts.log.error({ requestId: request.id, err: fault }, 'a request failed');
    sendProblem(reply, problem);
  });
  const allowedMethods = watchPaths(app);
  app.setNotFoundHandler((request) => {
    const allow = allowedMethods(request.url);
    if (allow === undefined) throw new Problem('not-found', 'There is no such path.');
    throw new Problem('method-not-allowed', `This path allows ${allow}.`, { allow });
  });

  await describeApi(app);
  documentRoute(app);
  healthRoutes(app, parts.readiness);
  mintRoute(app, parts);
  return app;
}

/** Fastify's own lines are of no use to an operator, its warnings are. */
function quiet(log: FastifyBaseLogger): FastifyBaseLogger {
  return log.child({}, { level: 'warn' });
}

/**
 * Bodies are read by the pipeline, after the caller is known; until then they stay where they are. Fastify itself
 * would refuse an odd or missing media type before that, so it is shown one that it takes; the pipeline looks at what came.
 */
function acceptAnyBodyUnread(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  app.addHook('onRequest', async (request) => {
    if (request.raw.headers['content-type'] !== 'application/json')
      request.headers = { 'content-type': 'application/octet-stream' };
  });
}

function isForOperators(url: string): boolean {
  return url === '/healthz' || url === '/readyz';
}

/** HTTP/1.1 wants one `Host`, never two (RFC 9112, section 3.2); Node would take the first. Throws `invalid-request`. */
function refuseWithoutHost({ rawHeaders, httpVersion }: IncomingMessage): void {
  const hosts = everyHeader(rawHeaders, 'host').length;
  if (hosts === 1 || (hosts === 0 && httpVersion === '1.0')) return;
  throw new Problem('invalid-request', 'The request has faults; `errors` names each.', {
    errors: [{ pointer: 'header:Host', detail: 'must be there, once' }],
  });
}

/** Fastify's own errors as problems of ours; their messages can echo the URL, so they are not passed on. */
function frameworkProblem(fault: FastifyError): Problem {
  if (fault.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new Problem('unsupported-media-type', 'The `Content-Type` is not one that this API reads.');
  }
  if (fault.code?.startsWith('FST_ERR_') && fault.statusCode !== undefined && fault.statusCode < 500) {
    return new Problem('invalid-request', 'The request has faults; `errors` names each.', {
      errors: [{ pointer: 'path:', detail: 'the path or its encoding is not valid' }],
    });
  }
  return asProblem(fault);
}
