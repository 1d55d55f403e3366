# The server with its production dependencies, and nothing else; PostgreSQL and Redis are others (compose.yaml).
FROM node:24-slim AS dependencies
WORKDIR /hexbao
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-slim
WORKDIR /hexbao
ENV NODE_ENV=production MODE=production HOST=0.0.0.0 PORT=8080
COPY --from=dependencies /hexbao/node_modules ./node_modules
COPY package.json LICENSE ./
COPY migrations ./migrations
COPY protocol ./protocol
COPY src ./src
USER node
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=32", "--import", "./src/platform/typescript/register.mjs", "src/bin/server.ts", "--migrate"]
