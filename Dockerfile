FROM node:24.21.0-slim AS base
WORKDIR /app

FROM base AS manifests
COPY package.json package-lock.json .npmrc ./

FROM manifests AS build
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY simulator simulator
COPY demo demo
RUN npm run build

# The optional dependency is the Node that a checkout brings along; here the image is it.
FROM manifests AS dependencies
RUN npm ci --omit=dev --omit=optional

FROM base AS runtime
ENV NODE_ENV=production
COPY package.json LICENSE ./
COPY --from=dependencies /app/node_modules node_modules
# The user `node` of the base image, by number, so that Kubernetes can see that it is not root.
USER 1000:1000
STOPSIGNAL SIGTERM

# For docker-compose.yml: LogicMonitor, played.
FROM runtime AS simulator
COPY --from=build /app/dist/simulator dist/simulator
ENV SIM_LISTEN_HOST=127.0.0.1 SIM_LISTEN_PORT=8081
ENTRYPOINT ["node", "dist/simulator/main.js"]

# For docker-compose.yml: sets up OpenBao and ends.
FROM runtime AS provision
USER 0
# Volumes that are mounted here begin with these owners.
RUN install -d -o 1000 -g 1000 -m 0700 \
  /provisioned/broker /provisioned/callers /provisioned/policy /provisioned/simulator
USER 1000:1000
COPY examples/policy examples/policy
COPY --from=build /app/dist/src dist/src
COPY --from=build /app/dist/demo dist/demo
ENTRYPOINT ["node", "dist/demo/compose-provision.js", "/provisioned"]

# The broker. It writes to its audit folder and nowhere else, so the root file system may be read-only.
# Its memory holds secrets: run it with core dumps off (`--ulimit core=0`).
FROM runtime AS broker
USER 0
RUN install -d -o 1000 -g 1000 -m 0700 /var/lib/lm-token-broker/audit
USER 1000:1000
COPY --from=build /app/dist/src dist/src
ENV LISTEN=0.0.0.0:8080 \
  AUDIT_DIR=/var/lib/lm-token-broker/audit
VOLUME /var/lib/lm-token-broker/audit
EXPOSE 8080
LABEL org.opencontainers.image.title="lm-token-broker" \
  org.opencontainers.image.description="Mints LogicMonitor API tokens with a key only it can read, for callers that policy allows" \
  org.opencontainers.image.licenses="Apache-2.0"
# 0.0.0.0 reaches this machine itself, whatever port LISTEN is set to.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "const s = process.env.TLS_CERT_FILE ? 'https' : 'http'; require(s).get(s + '://' + process.env.LISTEN + '/healthz', { rejectUnauthorized: false }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
# Without the flag SIGUSR1 would open the inspector, which reads all of memory.
ENTRYPOINT ["node", "--disable-sigusr1", "dist/src/main.js"]
CMD ["serve"]
