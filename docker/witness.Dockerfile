# A witness of the logs: omniwitness of transparency-dev, which has no releases, and
# the command that makes its keys. integration/tools/witnesses.sh has the same version.
ARG WITNESS_VERSION=v0.0.0-20260720115447-2e1c6971d19e

FROM golang:1.26.8 AS build
ARG WITNESS_VERSION
RUN --mount=type=cache,target=/go/build-cache \
    GOCACHE=/go/build-cache CGO_ENABLED=0 go install -trimpath \
    github.com/transparency-dev/witness/cmd/omniwitness@${WITNESS_VERSION} \
    github.com/transparency-dev/witness/cmd/generate_keys@${WITNESS_VERSION}

FROM alpine:3.22.2
ARG WITNESS_VERSION
LABEL org.opencontainers.image.title="omniwitness" \
      org.opencontainers.image.description="A witness of transparency logs, and the command that makes its keys" \
      org.opencontainers.image.source="https://github.com/warg-trillian/warg-trillian" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${WITNESS_VERSION}"
# Volumes that are mounted here for the first time get these folders' owner.
RUN install -d -o 65532 -g 65532 -m 0750 /var/lib/witness /var/lib/warg-public
COPY --from=build /go/bin/omniwitness /go/bin/generate_keys /usr/local/bin/
USER 65532:65532
