# The registry server: a static binary and the certificates of public CAs, for witnesses
# and content elsewhere. There is no shell; the binary checks its own health.
FROM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY cmd cmd
COPY config config
COPY personality personality
COPY warg warg
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/build-cache \
    GOCACHE=/go/build-cache CGO_ENABLED=0 go build -trimpath -o /out/ ./cmd/warg-personality
# Volumes that are mounted here for the first time get these folders' owner.
RUN install -d -o 65532 -g 65532 -m 0750 \
    /volumes/var/lib/warg /volumes/var/lib/warg-content /volumes/var/lib/warg-key /volumes/var/lib/warg-public

FROM scratch
ARG VERSION=development
LABEL org.opencontainers.image.title="warg-personality" \
      org.opencontainers.image.description="A registry of WebAssembly packages that speaks warg, over a Trillian log" \
      org.opencontainers.image.source="https://github.com/warg-trillian/warg-trillian" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /volumes/var/lib/ /var/lib/
COPY --from=build /out/warg-personality /usr/local/bin/
ENV PATH=/usr/local/bin
USER 65532:65532
CMD ["warg-personality", "serve"]
