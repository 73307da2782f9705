#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "role/role.h"

/* A role of the test's own under a real role's id, in a process of its own: it answers what it takes with
 * verdicts, whose text says what it took. The test is init, and its peers. */
static struct {
	struct loop loop;
	struct msg_start start;
	struct peer init, net, flows, worker[MSG_MAX_WORKERS];
} child;

static struct chan_msg m;
static struct msg_start start;
static pid_t pid;
static int init_end;

/* ---- the role */

#define CALL(name)                             \
	{                                      \
		.number = SYS_##name, .who = 1 \
	}

/* What role_run and this test's roles call, and sanitizers. */
static const struct sandbox_call calls[] = {
	CALL(ppoll),      CALL(recvmsg), CALL(sendmsg), CALL(close),       CALL(clock_gettime),
	CALL(exit_group), CALL(fcntl),   CALL(prctl),   CALL(sigaltstack),
};
static const struct sandbox sandbox = {.calls = calls, .count = sizeof(calls) / sizeof(calls[0]), .who = 1};

static void say(const char *what, uint64_t number)
{
	char text[300];
	snprintf(text, sizeof(text), "%s %llu", what, (unsigned long long)number);
	peer_verdict(&child.init, VERDICT_OK, true, text);
}

static void called(void)
{
	say("called", 0);
}

static void took(const void *payload)
{
	const struct msg_name *name = payload;
	say(name->host, name->id);
}

static void net_anew(void)
{
	say("net-anew", 0);
}

static void producer_anew(const void *payload)
{
	const struct msg_peer *p = payload;
	say("producer-anew", msg_own_pool((enum role_id)p->role, p->index));
}

static void took_from(struct peer *from, const void *payload)
{
	const struct msg_flag *flag = payload;
	say("wanted-by", from->pool * 10 + flag->on);
}

static void set_up(const int fds[START_FDS])
{
	uint32_t came = 0;
	for (uint32_t i = 0; i < START_FDS; i++)
		came |= fds[i] >= 0 && fcntl(fds[i], F_GETFD) >= 0 ? START_BIT(i) : 0;
	say("set-up-with", came);
	say("dumpable", (uint64_t)prctl(PR_GET_DUMPABLE));
}

/* Its list does not have this. */
static void stray(void)
{
	syscall(SYS_getppid);
	say("survived", 0);
}

static const struct role_take takes[] = {
	{ROLE_INIT, MSG_ONLINE, .call = called},
	{ROLE_INIT, MSG_LATE, .call = stray},
	{ROLE_NET, MSG_PEER, .call = net_anew},
	{ROLE_NET, MSG_DESCRIBE, .call = called},
	{ROLE_PRODUCER, MSG_PEER, .take = producer_anew},
	{ROLE_PRODUCER, MSG_KEY_WANTED, .take_from = took_from},
};

static const struct role keys_role = {
	.id = ROLE_KEYS,
	.sandbox = &sandbox,
	.spawn = {.secrets = true},
	.descriptors = START_BIT(START_ANCHORS) | START_BIT(START_OWN_POOL) | START_BIT(START_FAULTS) |
		       START_PRODUCERS,
	.loop = &child.loop,
	.start = &child.start,
	.set_up = set_up,
	.peers = {[ROLE_INIT] = &child.init,
		  [ROLE_NET] = &child.net,
		  [ROLE_FLOWS] = &child.flows,
		  [ROLE_CAPTURE] = child.worker},
	.takes = takes,
	.take_count = sizeof(takes) / sizeof(takes[0]),
};

/* It reads nothing that keys says, and keeps no secret. */
static const struct role_take net_takes[] = {
	{ROLE_INIT, MSG_LINKS_UP, .call = called},
	{ROLE_UPLOAD, MSG_RESOLVE, .take = took},
};

static struct peer net_keys, net_upload;

static const struct role net_role = {
	.id = ROLE_NET,
	.sandbox = &sandbox,
	.loop = &child.loop,
	.start = &child.start,
	.set_up = set_up,
	.peers = {[ROLE_INIT] = &child.init, [ROLE_KEYS] = &net_keys, [ROLE_UPLOAD] = &net_upload},
	.takes = net_takes,
	.take_count = sizeof(net_takes) / sizeof(net_takes[0]),
};

/* It is given a data key, and says what of it is left in the messages' buffer. */
static const uint8_t *key_at;

static void key_came(const void *payload)
{
	const struct msg_key *key = payload;
	key_at = key->data_key;
	say("key", key_at[8]);
}

static void look_for_key(void)
{
	uint64_t left = 0;
	for (size_t i = sizeof(struct msg_none); i < sizeof(((struct msg_key *)0)->data_key); i++)
		left += key_at[i] != 0;
	say("left-of-it", left);
}

static const struct role_take flows_takes[] = {
	{ROLE_INIT, MSG_ARM, .call = look_for_key},
	{ROLE_KEYS, MSG_KEY, .take = key_came},
};

static struct peer flows_keys;

static const struct role flows_role = {
	.id = ROLE_FLOWS,
	.sandbox = &sandbox,
	.loop = &child.loop,
	.start = &child.start,
	.set_up = set_up,
	.peers = {[ROLE_INIT] = &child.init, [ROLE_KEYS] = &flows_keys},
	.takes = flows_takes,
	.take_count = sizeof(flows_takes) / sizeof(flows_takes[0]),
};

/* ---- init's side */

static void begin(const struct role *r, uint32_t descriptors)
{
	int ends[2], fds[CHAN_MAX_FDS], null = open("/dev/null", O_RDONLY);
	enum err e = chan_pair(ends);
	ASSERT(!e && null >= 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		signal(SIGILL, SIG_DFL);
		close(ends[0]);
		role_run(r, ends[1]);
	}
	close(ends[1]);
	init_end = ends[0];
	start = (struct msg_start){.workers = 2, .descriptors = descriptors};
	size_t n = 0;
	for (uint32_t i = 0; i < START_FDS; i++)
		if (descriptors & START_BIT(i))
			fds[n++] = null;
	CHECK(msg_send_fds(init_end, MSG_START, &start, fds, n) == ERR_OK);
	close(null);
}

/* What it says next, but for log lines; "(gone)": its channel is closed. */
static const char *heard(const struct role *r)
{
	for (;;) {
		struct pollfd p = {.fd = init_end, .events = POLLIN};
		enum err e = msg_recv(init_end, r->id, ROLE_INIT, &m);
		if (e == ERR_MORE && poll(&p, 1, 10000) == 1)
			continue;
		if (e)
			return e == ERR_CLOSED ? "(gone)" : err_text(e);
		if (m.type == MSG_VERDICT)
			return ((const struct msg_verdict *)(void *)m.payload)->text;
		if (m.type == MSG_LOG_LINE)
			return ((const struct log_line *)(void *)m.payload)->line;
	}
}

#define HEARD(r, want) CHECK_SPAN(span_str(heard(r)), span_str(want))

/* How it ended, with its channel closed or by itself: 0 in order; the signal. */
static int ended(void)
{
	int status = -1;
	close(init_end);
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) ? -WEXITSTATUS(status) : 0;
}

/* A new channel to it as from that role; the end of it. */
static int join(enum role_id role, uint32_t index)
{
	int ends[2];
	struct msg_peer p = {.role = role, .index = index};
	enum err e = chan_pair(ends);
	ASSERT(!e);
	CHECK(msg_send_fds(init_end, MSG_PEER, &p, &ends[1], 1) == ERR_OK);
	close(ends[1]);
	return ends[0];
}

static uint32_t all_of_keys(void)
{
	return role_descriptors(&keys_role, 2);
}

static void enters_sandbox(const struct role *r)
{
	const char *line = heard(r);
	CHECK(strstr(line, " sandbox landlock=") != NULL);
	CHECK(strncmp(line, strstr(line, "landlock=0") ? "warn" : "info", 4) == 0);
}

static void begin_keys(void)
{
	char want[32];
	begin(&keys_role, all_of_keys());
	enters_sandbox(&keys_role);
	const char *memory = heard(&keys_role);
	CHECK(strcmp(memory, "info keys memory locked=yes") == 0 ||
	      strcmp(memory, "warn keys memory locked=no") == 0);
	snprintf(want, sizeof(want), "set-up-with %u", all_of_keys());
	HEARD(&keys_role, want);
	HEARD(&keys_role, "dumpable 0");
}

static void begin_without_secrets(const struct role *r)
{
	begin(r, 0);
	enters_sandbox(r);
	HEARD(r, "set-up-with 0");
	HEARD(r, "dumpable 0");
}

static void begin_net(void)
{
	begin_without_secrets(&net_role);
}

/* ---- tests */

static void a_call_that_its_list_does_not_have_is_an_alarm_and_its_end(void)
{
	char want[48];
	begin_keys();
	CHECK(msg_send(init_end, MSG_LATE, NULL) == ERR_OK);
	snprintf(want, sizeof(want), "alarm keys call-denied number=%d", SYS_getppid);
	HEARD(&keys_role, want);
	HEARD(&keys_role, "(gone)");
	CHECK(ended() == SIGSYS);
}

/* It is in it before START has come. */
static void a_role_is_in_its_sandbox_before_its_first_message(void)
{
	int ends[2];
	char text[4096], path[32];
	enum err e = chan_pair(ends);
	ASSERT(!e);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		role_run(&net_role, ends[1]);
	}
	close(ends[1]);
	init_end = ends[0];
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	bool filtered = false;
	for (int i = 0; i < 1000 && !filtered; i++) {
		int fd = open(path, O_RDONLY);
		ssize_t n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = 0;
		filtered = strstr(text, "\nSeccomp:\t2\n") && strstr(text, "\nNoNewPrivs:\t1\n");
		poll(NULL, 0, filtered ? 0 : 10);
	}
	CHECK(filtered);
	CHECK(ended() == 0);
}

static void a_role_can_not_be_dumped_and_locks_its_memory_if_it_has_secrets(void)
{
	begin_keys();
	CHECK(ended() == 0);
	begin_net();
	CHECK(ended() == 0);
}

static void start_must_bring_what_the_table_says(void)
{
	char want[32];
	begin(&keys_role, all_of_keys() & ~START_BIT(START_FAULTS)); /* the one that may be missing */
	enters_sandbox(&keys_role);
	heard(&keys_role);
	snprintf(want, sizeof(want), "set-up-with %u", all_of_keys() & ~START_BIT(START_FAULTS));
	HEARD(&keys_role, want);
	CHECK(ended() == 0);
	const uint32_t wrong[] = {
		all_of_keys() & ~START_BIT(START_ANCHORS),
		all_of_keys() & ~START_BIT(START_POOLS + 1), /* of the second worker */
		all_of_keys() | START_BIT(START_POOLS + 2),  /* of a third one */
		all_of_keys() | START_BIT(START_RING),
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		begin(&keys_role, wrong[i]);
		HEARD(&keys_role, "(gone)");
		CHECK(ended() > 0);
	}
}

static void a_message_goes_to_the_function_that_the_table_names(void)
{
	begin_keys();
	CHECK(msg_send(init_end, MSG_ONLINE, NULL) == ERR_OK);
	HEARD(&keys_role, "called 0");
	CHECK(ended() == 0);
	begin_net();
	int upload = join(ROLE_UPLOAD, 0);
	CHECK(msg_send(upload, MSG_RESOLVE, &(struct msg_name){.id = 7, .host = "host"}) == ERR_OK);
	HEARD(&net_role, "host 7");
	close(upload);
	CHECK(ended() == 0);
}

static void a_message_that_the_table_does_not_list_ends_the_process(void)
{
	begin_keys();
	CHECK(msg_send(init_end, MSG_DRAIN, NULL) == ERR_OK); /* a direction that role/msg.h allows */
	HEARD(&keys_role, "(gone)");
	CHECK(ended() > 0);
	begin_keys();
	int flows = join(ROLE_FLOWS, 0);
	HEARD(&keys_role, "producer-anew 9");
	CHECK(msg_send(flows, MSG_SIGN_OBJECT, &(struct object_meta){.seq = 1}) == ERR_OK);
	HEARD(&keys_role, "(gone)");
	close(flows);
	CHECK(ended() > 0);
}

static void what_a_peer_without_rows_says_is_not_read(void)
{
	begin_net();
	int from_keys = join(ROLE_KEYS, 0);
	CHECK(msg_send(from_keys, MSG_RESOLVE, &(struct msg_name){.id = 1}) == ERR_OK);
	for (int i = 0; i < 50; i++) { /* more than one turn of the loop takes of one peer */
		CHECK(msg_send(init_end, MSG_LINKS_UP, NULL) == ERR_OK);
		HEARD(&net_role, "called 0");
	}
	close(from_keys);
	CHECK(ended() == 0);
}

static void a_peers_channel_finds_its_place(void)
{
	begin_keys();
	int of_net = join(ROLE_NET, 0), flows = join(ROLE_FLOWS, 0), first = join(ROLE_CAPTURE, 0),
	    second = join(ROLE_CAPTURE, 1);
	HEARD(&keys_role, "net-anew 0");
	HEARD(&keys_role, "producer-anew 9");
	HEARD(&keys_role, "producer-anew 0");
	HEARD(&keys_role, "producer-anew 1");
	const struct msg_flag on = {1};
	const struct {
		int end;
		const char *want;
	} said[] = {{second, "wanted-by 11"}, {flows, "wanted-by 91"}, {first, "wanted-by 1"}};
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		CHECK(msg_send(said[i].end, MSG_KEY_WANTED, &on) == ERR_OK);
		HEARD(&keys_role, said[i].want);
		close(said[i].end);
	}
	close(of_net);
	CHECK(ended() == 0);
}

static void a_new_channel_replaces_the_old_one_whose_last_words_are_taken(void)
{
	begin_keys();
	int old = join(ROLE_CAPTURE, 1);
	HEARD(&keys_role, "producer-anew 1");
	kill(pid, SIGSTOP);
	CHECK(msg_send(old, MSG_KEY_WANTED, &(struct msg_flag){0}) == ERR_OK);
	int new = join(ROLE_CAPTURE, 1);
	CHECK(msg_send(new, MSG_KEY_WANTED, &(struct msg_flag){1}) == ERR_OK);
	kill(pid, SIGCONT);
	HEARD(&keys_role, "wanted-by 10");
	HEARD(&keys_role, "producer-anew 1");
	HEARD(&keys_role, "wanted-by 11");
	CHECK(msg_send(old, MSG_KEY, &(struct msg_key){.keyseq = 1}) == ERR_CLOSED);
	close(old);
	close(new);
	CHECK(ended() == 0);
}

static void a_channel_of_a_role_that_it_does_not_talk_to_ends_the_process(void)
{
	const struct msg_peer wrong[] = {{.role = ROLE_STATUS},
					 {.role = ROLE_INIT},
					 {.role = ROLE_CAPTURE, .index = 2},
					 {.role = ROLE_FLOWS, .index = 1},
					 {.role = ROLE_COUNT}};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		begin_keys();
		close(join((enum role_id)wrong[i].role, wrong[i].index));
		HEARD(&keys_role, "(gone)");
		CHECK(ended() > 0);
	}
}

static void a_data_key_does_not_stay_in_the_buffer(void)
{
	struct msg_key key;
	memset(&key, 0x5a, sizeof(key));
	begin_without_secrets(&flows_role);
	int from_keys = join(ROLE_KEYS, 0);
	CHECK(msg_send(from_keys, MSG_KEY, &key) == ERR_OK);
	HEARD(&flows_role, "key 90");
	CHECK(msg_send(init_end, MSG_ARM, NULL) == ERR_OK);
	HEARD(&flows_role, "left-of-it 0");
	close(from_keys);
	CHECK(ended() == 0);
}

int main(void)
{
	RUN(a_role_is_in_its_sandbox_before_its_first_message,
	    "a role is in its sandbox before its first message");
	RUN(a_call_that_its_list_does_not_have_is_an_alarm_and_its_end,
	    "a call that a role's list does not have is an alarm with its number, and the role's end");
	RUN(a_role_can_not_be_dumped_and_locks_its_memory_if_it_has_secrets,
	    "a role can't be dumped; one with secrets locks its memory");
	RUN(start_must_bring_what_the_table_says,
	    "START must bring the descriptors that the role's table says, each for its purpose");
	RUN(a_message_goes_to_the_function_that_the_table_names,
	    "a message goes to the function that the table names");
	RUN(a_message_that_the_table_does_not_list_ends_the_process,
	    "a message that the table does not list for its sender ends the process");
	RUN(what_a_peer_without_rows_says_is_not_read, "what a peer without rows says is not read");
	RUN(a_peers_channel_finds_its_place, "a channel finds its peer: which role, which worker");
	RUN(a_new_channel_replaces_the_old_one_whose_last_words_are_taken,
	    "a new channel replaces the old one, whose last words are taken first");
	RUN(a_channel_of_a_role_that_it_does_not_talk_to_ends_the_process,
	    "a channel of a role that it does not talk to ends the process");
	RUN(a_data_key_does_not_stay_in_the_buffer,
	    "a data key does not stay in the buffer of messages when it is taken");
	return check_done();
}
