/* main.c - the daemon's command line and exit codes. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "dm/conf.h"
#include "dm/log.h"

#include "daemon.h"

enum { LARGE_BLOCK = 2 << 20 }; /* bytes */

static void print(FILE *to, struct dm_str *text)
{
	(void)fputs(dm_str_get(text), to); /* nobody can be told of a closed terminal */
	(void)fflush(to);
	dm_str_done(text);
}

static int print_version(void)
{
	struct dm_str text = { 0 };

	dm_str_addf(&text,
		"Release Version: v%s\nGit Commit Hash: None\nGit Branch: None\n"
		"UTC Build Time: None\nGo Version: none, C17 (%s)\n\n",
		DM_VERSION, __VERSION__);
	print(stdout, &text);
	return EXIT_FINE;
}

static int print_usage(void)
{
	struct dm_str text = { 0 };

	worker_flags_usage(&text);
	print(stderr, &text);
	return EXIT_FINE;
}

static int print_sample(void)
{
	struct dm_str text = { 0 };

	worker_conf_print_sample(&text);
	print(stdout, &text);
	return EXIT_FINE;
}

static int refuse_flags(const struct dm_error *err)
{
	struct dm_str text = { 0 };

	dm_str_add(&text, "parse cmd flags err: ");
	dm_error_text(err, &text);
	dm_str_add_char(&text, '\n');
	print(stderr, &text);
	return EXIT_UNUSABLE;
}

/* DM's line first, then every fault with its place. */
static int refuse_file(const struct conf_faults *faults)
{
	DM_CLEANUP(dm_error_done) struct dm_error first = { 0 };
	struct dm_str text = { 0 };

	(void)conf_faults_error(faults, &first);
	(void)refuse_flags(&first);
	conf_faults_text(faults, &text);
	print(stderr, &text);
	return EXIT_UNUSABLE;
}

static int load(struct daemon *d)
{
	DM_CLEANUP(conf_faults_done) struct conf_faults faults = { 0 };

	return worker_conf_load(&d->flags, &d->conf, &faults) == 0 ? EXIT_FINE
								   : refuse_file(&faults);
}

static int check(struct daemon *d)
{
	int code = load(d);

	if (code == EXIT_FINE)
		(void)printf("%s: the configuration is valid\n", d->conf->path);
	return code;
}

/* Signals wait for the loop, in every thread; memory stays with few arenas, as most threads sleep. */
static void prepare_process(void)
{
	sigset_t set;

	(void)sigemptyset(&set); /* none of these can fail with these arguments */
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGQUIT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)mallopt(M_ARENA_MAX, 2);
	(void)mallopt(
		M_MMAP_THRESHOLD, LARGE_BLOCK); /* a fixed one: large rows go back to the system */
}

static int run(struct daemon *d)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	int code = load(d);

	if (code != EXIT_FINE)
		return code;
	if (daemon_open_log(d->conf, &err) != 0)
		return refuse_flags(&err);
	daemon_log_later_keys(d->conf);
	return daemon_run(d);
}

static int obey(struct daemon *d)
{
	switch (d->flags.ask) {
	case WORKER_RUN:
		return run(d);
	case WORKER_VERSION:
		return print_version();
	case WORKER_SAMPLE:
		return print_sample();
	case WORKER_CHECK:
		return check(d);
	case WORKER_HELP:
		return print_usage();
	}
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	DM_CLEANUP(dm_error_done) struct dm_error err = { 0 };
	struct daemon d = { 0 };
	int code;

	prepare_process();
	if (worker_flags_parse(argc, argv, &d.flags, &err) != 0)
		return refuse_flags(&err);
	code = obey(&d);
	daemon_free_conf(&d);
	worker_flags_done(&d.flags);
	return code;
}
