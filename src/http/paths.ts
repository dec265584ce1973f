import type { FastifyInstance } from 'fastify';

/** Looks up which methods a path knows: the value of `Allow`, or undefined when there is no such path. */
export type AllowedMethods = (url: string) => string | undefined;

/** Watches the routes that are added to `app` from now on. */
export function watchPaths(app: FastifyInstance): AllowedMethods {
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set();
    methods.set(url, known);
    for (const one of [method].flat()) known.add(one);
  });
  return (url) => {
    const [path = ''] = url.split('?', 1);
    for (const [pattern, known] of methods) {
      if (matches(pattern, path)) return [...known].sort().join(', ');
    }
    return undefined;
  };
}

/** Whether a path has the segments of a route's pattern, in which `:name` stands for any one. */
function matches(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  return wanted.length === given.length && wanted.every((one, i) => one.startsWith(':') || one === given[i]);
}
