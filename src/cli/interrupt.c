#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t happened;

static void on_signal(int number)
{
	happened = 1;
	signal(number, SIG_DFL);
}

void interrupt_watch(void)
{
	struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: who waits wakes up */
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool interrupt_happened(void)
{
	return happened;
}
