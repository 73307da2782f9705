#include "check.h"

#include <sys/wait.h>
#include <unistd.h>

#include "role/init/roster.h"

/* In a process group of its own: what takes the pid 0 would end all of it. */
static bool refuses_and_lives(const struct msg_links *told)
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) {
		static struct msg_links known;
		static const struct roster_child dead = {.role = ROLE_NET, .pid = 0};
		setpgid(0, 0);
		_exit(roster_links(&dead, &known, told, 1) ? 1 : 0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void links_that_make_no_sense_end_nobody_when_their_speaker_is_dead(void)
{
	static const struct msg_links none = {.count = 0}, many = {.count = MSG_MAX_LINKS + 1};
	CHECK(refuses_and_lives(&none));
	CHECK(refuses_and_lives(&many));
}

int main(void)
{
	RUN(links_that_make_no_sense_end_nobody_when_their_speaker_is_dead,
	    "links that make no sense, among a dead net's last words, end nobody");
	return check_done();
}
