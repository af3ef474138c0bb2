# Trillian's log server and signer, and its database schema. The build tag
# batched_queue decides how the queue is kept in the database: all servers on one
# database must have it, or none.
ARG TRILLIAN_VERSION=v1.8.0

FROM golang:1.26.8 AS build
ARG TRILLIAN_VERSION
RUN --mount=type=cache,target=/go/build-cache \
    GOCACHE=/go/build-cache CGO_ENABLED=0 go install -trimpath -tags batched_queue \
    github.com/google/trillian/cmd/trillian_log_server@${TRILLIAN_VERSION} \
    github.com/google/trillian/cmd/trillian_log_signer@${TRILLIAN_VERSION}

# Has the database's client, for making databases and tables.
FROM mariadb:10.11.19 AS schema
ARG TRILLIAN_VERSION
LABEL org.opencontainers.image.title="trillian-schema" \
      org.opencontainers.image.description="Trillian's database schema, and MariaDB's client" \
      org.opencontainers.image.source="https://github.com/warg-trillian/warg-trillian" \
      org.opencontainers.image.licenses="Apache-2.0 AND GPL-2.0-only" \
      org.opencontainers.image.version="${TRILLIAN_VERSION}"
COPY --from=build /go/pkg/mod/github.com/google/trillian@${TRILLIAN_VERSION}/storage/mysql/schema/storage.sql /usr/share/trillian/storage.sql
USER 65532:65532

FROM alpine:3.22.2 AS servers
ARG TRILLIAN_VERSION
LABEL org.opencontainers.image.title="trillian" \
      org.opencontainers.image.description="Trillian's log server and log signer" \
      org.opencontainers.image.source="https://github.com/warg-trillian/warg-trillian" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${TRILLIAN_VERSION}"
COPY --from=build /go/bin/trillian_log_server /go/bin/trillian_log_signer /usr/local/bin/
USER 65532:65532
