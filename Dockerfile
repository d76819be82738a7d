# docker build -t posthorn .
# docker run -e DATABASE_URL=postgres://… -p 127.0.0.1:8080:8080 posthorn            worker and API
# docker run -e DATABASE_URL=postgres://… posthorn worker                            one of several workers
# docker run --rm -e DATABASE_URL=postgres://… posthorn doctor                       any other command
#
# .ci/try-image.ts follows these lines without Docker, and uses what comes of them.

# The program is JavaScript, the same on every processor, so it is built on the builder's own.
FROM --platform=$BUILDPLATFORM node:24-bookworm-slim AS build
WORKDIR /build
# First the manifest alone: as long as it does not change, the installation comes from the cache.
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
# The image has what the npm package has: "files" in package.json decides, and nothing can be forgotten here alone.
RUN npm pack --pack-destination /tmp && mkdir /app && tar -xzf /tmp/posthorn-*.tgz -C /app --strip-components=1 && cp package-lock.json /app
WORKDIR /app
# The versions of the lockfile. The embedded Postgres is a dev dependency, so the image holds none: it needs DATABASE_URL.
# Without what is optional, too: npm counts the TypeScript compiler, an optional peer of a library of a library, among that.
RUN npm ci --omit=dev --omit=optional --no-audit --no-fund
# As npm makes a command of a package that it installs, so that "docker exec … posthorn status" works as well.
RUN mkdir bin && chmod 755 dist/cli.js && ln -s ../dist/cli.js bin/posthorn

FROM node:24-bookworm-slim
ARG VERSION
LABEL org.opencontainers.image.title=Posthorn \
      org.opencontainers.image.description="Transactional webhooks for Postgres" \
      org.opencontainers.image.source=https://github.com/posthorn/posthorn \
      org.opencontainers.image.documentation=https://github.com/posthorn/posthorn#readme \
      org.opencontainers.image.licenses=MIT \
      org.opencontainers.image.version=$VERSION
ENV NODE_ENV=production
# Inside a container loopback is the container itself; what the host can reach is decided by docker run -p.
ENV HOST=0.0.0.0
ENV PATH=/app/bin:$PATH
WORKDIR /app
# Nothing runs in this stage, so that it needs no emulator for another processor.
COPY --from=build /app ./
# The files belong to root: the process cannot change its own program. By number, so that Kubernetes can tell that it is not root.
USER 1000:1000
EXPOSE 8080
# Where an API runs it answers on PORT, a worker alone on POSTHORN_HEALTH_PORT.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["node", "-e", "Promise.any([process.env.PORT || 8080, process.env.POSTHORN_HEALTH_PORT || 8081].map(async (port) => { const response = await fetch(`http://127.0.0.1:${port}/healthz`); if (!response.ok) throw response.status; })).then(() => process.exit(0), () => process.exit(1))"]
# Without a shell in between, so that SIGTERM reaches the process.
ENTRYPOINT ["posthorn"]
CMD ["start"]
