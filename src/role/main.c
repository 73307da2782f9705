/* main: one binary, several lives: first stage, PID 1, host mode, and each role. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/version.h"
#include "os/spawn.h"
#include "role/capture/capture.h"
#include "role/flows/flows.h"
#include "role/init/init.h"
#include "role/init/stage1.h"
#include "role/keys/keys.h"
#include "role/net/net.h"
#include "role/spool/spool.h"
#include "role/status/status.h"
#include "role/upload/upload.h"

#define ANCHORS "/anchors.pem" /* in the image; a host names its own file */

static const struct {
	const char *name;
	void (*run)(int channel);
} roles[] = {
	{"net", role_net},       {"keys", role_keys},   {"upload", role_upload},   {"spool", role_spool},
	{"status", role_status}, {"flows", role_flows}, {"capture", role_capture},
};

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
	for (size_t i = 0; argc == 2 && i < sizeof(roles) / sizeof(roles[0]); i++)
		if (!strcmp(argv[1], roles[i].name)) {
			/* the kernel knows it by this when it prints all tasks */
			prctl(PR_SET_NAME, roles[i].name);
			roles[i].run(SPAWN_CHANNEL_FD);
		}
	if (getpid() != 1)
		return usage();
	if (access("/root.erofs", F_OK) == 0)
		stage1_main();
	struct init_options o = {.anchors_path = ANCHORS};
	return init_main(&o);
}
