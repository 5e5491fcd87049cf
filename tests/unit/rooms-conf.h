/* rooms-conf.h - the configuration of a worker whose upstream refuses connections. */
#pragma once

#include "dm/conf.h"

/* The file says port 8262; what is listened on is `port`, 0 for a free one. */
static inline struct worker_conf *rooms_conf(const char *dir, const char *host, uint16_t port)
{
	static const struct worker_flags no_flags = { 0 };
	DM_CLEANUP(freep)
	char *text = dm_format(
		"worker-addr = \"%s:8262\"\nsource-id = \"source-1\"\nserver-id = 7\n"
		"flavor = \"mariadb\"\nrelay-dir = \"%s/relay\"\nmeta-dir = \"%s/meta\"\n"
		"[from]\nhost = \"127.0.0.1\"\nport = 1\nuser = \"dm\"\npassword = \"\"\n",
		host, dir, dir);
	struct conf_faults faults = { 0 };
	DM_CLEANUP(dm_str_done) struct dm_str list = { 0 };
	struct worker_conf *conf = NULL;

	if (worker_conf_parse(text, strlen(text), "dm-worker.toml", &no_flags, &conf, &faults) !=
		0) {
		conf_faults_text(&faults, &list);
		fail_msg("%s", list.data);
	}
	conf->listen_port = port;
	return conf;
}
