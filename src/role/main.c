/* main: one binary, several lives: first stage, PID 1, host mode, and each role. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/version.h"
#include "role/init/init.h"
#include "role/init/roles.h"
#include "role/init/stage1.h"

#define ANCHORS "/anchors.pem" /* in the image; a host names its own file */

static int usage(void)
{
	fprintf(stderr,
		"sealtap %s\n"
		"usage: init host --config FILE [--anchors FILE] [--workers N] [--disk-faults FILE]\n"
		"            [--ct-buffer BYTES] [--verbose]\n"
		"Runs the appliance in this network namespace and takes its Ethernet links. Needs root.\n"
		"As PID 1 of the image it takes no arguments.\n",
		version_text);
	return 2;
}

static int host(int argc, char **argv)
{
	struct init_options o = {.host = true, .workers = 1, .anchors_path = ANCHORS};
	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "--verbose"))
			o.verbose = true;
		else if (i + 1 >= argc)
			return usage();
		else if (!strcmp(argv[i], "--config"))
			o.config_path = argv[++i];
		else if (!strcmp(argv[i], "--anchors"))
			o.anchors_path = argv[++i];
		else if (!strcmp(argv[i], "--disk-faults"))
			o.disk_faults_path = argv[++i];
		else if (!strcmp(argv[i], "--ct-buffer"))
			o.ct_buffer_bytes = (uint32_t)strtoul(argv[++i], NULL, 10);
		else if (!strcmp(argv[i], "--workers") && argv[i + 1][0] >= '1' && argv[i + 1][0] <= '8' &&
			 !argv[i + 1][1])
			o.workers = (unsigned)(argv[++i][0] - '0');
		else
			return usage();
	}
	return o.config_path ? init_main(&o) : usage();
}

int main(int argc, char **argv)
{
	if (argc >= 2 && !strcmp(argv[1], "host"))
		return host(argc, argv);
	const struct role *role = argc == 2 ? roles_named(argv[1]) : NULL;
	if (role) {
		/* the kernel knows it by this when it prints all tasks */
		prctl(PR_SET_NAME, argv[1]);
		role_run(role, SPAWN_CHANNEL_FD);
	}
	if (getpid() != 1)
		return usage();
	if (access("/root.erofs", F_OK) == 0)
		stage1_main();
	struct init_options o = {.anchors_path = ANCHORS};
	return init_main(&o);
}
