# PostgreSQL with engage:  docker build -t engage .  &&  docker run -e POSTGRES_PASSWORD=secret engage
# Debian's own packages: the official postgres image is Debian too, but its libxgboost would come from elsewhere.
ARG DEBIAN=bookworm

FROM debian:${DEBIAN} AS build
COPY . /src
WORKDIR /src
RUN scripts/packages.sh install build deb && scripts/deb.sh /dist

FROM debian:${DEBIAN}
COPY --from=build /dist /dist
RUN apt-get update \
	&& printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
	&& mkdir -p /etc/postgresql-common && echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf \
	&& DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /dist/postgresql-[0-9]*-engage_*.deb \
	&& rm -rf /var/lib/apt/lists/* /dist /usr/sbin/policy-rc.d \
	&& install -d -o postgres -g postgres -m 700 /data
COPY scripts/docker-entrypoint.sh /usr/local/bin/
USER postgres
ENV PGDATA=/data
VOLUME /data
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
