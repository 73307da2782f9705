#include "check.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "role/msg.h"

static struct chan_msg m;
static int ends[2];

static void open_pair(void)
{
	CHECK(chan_pair(ends) == ERR_OK);
}

static void close_pair(void)
{
	close(ends[0]);
	close(ends[1]);
}

static void a_message_arrives_whole_with_its_type_and_payload(void)
{
	open_pair();
	struct msg_name name = {.id = 7, .host = "kms.us-east-1.amazonaws.com"};
	CHECK(msg_recv(ends[1], ROLE_KEYS, ROLE_NET, &m) == ERR_MORE);
	CHECK(msg_send(ends[0], MSG_RESOLVE, &name) == ERR_OK);
	CHECK(msg_recv(ends[1], ROLE_KEYS, ROLE_NET, &m) == ERR_OK);
	CHECK(m.type == MSG_RESOLVE && m.len == sizeof(name) && memcmp(m.payload, &name, sizeof(name)) == 0);
	close(ends[0]);
	CHECK(msg_recv(ends[1], ROLE_KEYS, ROLE_NET, &m) == ERR_CLOSED);
	close(ends[1]);
}

static void what_a_peer_said_is_read_though_it_died_without_reading(void)
{
	open_pair();
	struct msg_name name = {.host = "kms.us-east-1.amazonaws.com"};
	CHECK(msg_send(ends[1], MSG_RESOLVE, &name) == ERR_OK); /* which the other end does not read */
	for (name.id = 0; name.id < 3; name.id++)
		CHECK(msg_send(ends[0], MSG_RESOLVE, &name) == ERR_OK);
	close(ends[0]);
	for (name.id = 0; name.id < 3; name.id++) {
		CHECK(msg_recv(ends[1], ROLE_KEYS, ROLE_NET, &m) == ERR_OK);
		CHECK(m.len == sizeof(name) && memcmp(m.payload, &name, sizeof(name)) == 0);
	}
	CHECK(msg_recv(ends[1], ROLE_KEYS, ROLE_NET, &m) == ERR_CLOSED);
	CHECK(msg_recv(ends[1], ROLE_KEYS, ROLE_NET, &m) == ERR_CLOSED);
	close(ends[1]);
}

static void a_message_of_another_length_than_its_types_is_refused(void)
{
	open_pair();
	uint8_t bytes[sizeof(struct msg_name) + 1] = {0};
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		CHECK(chan_send(ends[0], MSG_RESOLVE, bytes, len, NULL, 0) == ERR_OK);
		enum err want = len == sizeof(struct msg_name) ? ERR_OK : ERR_PROTOCOL;
		CHECK(msg_recv(ends[1], ROLE_KEYS, ROLE_NET, &m) == want);
	}
	CHECK(send(ends[0], "abc", 3, 0) == 3); /* shorter than a type */
	CHECK(msg_recv(ends[1], ROLE_KEYS, ROLE_NET, &m) == ERR_PROTOCOL);
	close_pair();
}

static void a_message_in_a_direction_that_the_table_does_not_list_is_refused(void)
{
	open_pair();
	struct msg_key key = {.keyseq = 1};
	CHECK(msg_send(ends[0], MSG_KEY, &key) == ERR_OK);
	CHECK(msg_recv(ends[1], ROLE_KEYS, ROLE_UPLOAD, &m) == ERR_PROTOCOL); /* keys never go to upload */
	CHECK(msg_send(ends[0], MSG_KEY, &key) == ERR_OK);
	CHECK(msg_recv(ends[1], ROLE_NET, ROLE_CAPTURE, &m) == ERR_PROTOCOL);
	CHECK(msg_send(ends[0], MSG_KEY, &key) == ERR_OK);
	CHECK(msg_recv(ends[1], ROLE_KEYS, ROLE_CAPTURE, &m) == ERR_OK);
	CHECK(chan_send(ends[0], MSG_TYPE_COUNT, NULL, 0, NULL, 0) == ERR_OK);
	CHECK(msg_recv(ends[1], ROLE_KEYS, ROLE_CAPTURE, &m) == ERR_PROTOCOL);
	close_pair();
}

static void the_status_role_has_a_say_in_nothing(void)
{
	static const struct msg_totals totals;
	static const struct msg_verdict verdict;
	static const struct log_line line;
	open_pair();
	CHECK(msg_send(ends[0], MSG_DRAINED, &totals) == ERR_OK);
	CHECK(msg_recv(ends[1], ROLE_STATUS, ROLE_INIT, &m) == ERR_PROTOCOL);
	CHECK(msg_send(ends[0], MSG_VERDICT, &verdict) == ERR_OK);
	CHECK(msg_recv(ends[1], ROLE_STATUS, ROLE_INIT, &m) == ERR_PROTOCOL);
	CHECK(msg_send(ends[0], MSG_DRAINED, &totals) == ERR_OK);
	CHECK(msg_recv(ends[1], ROLE_UPLOAD, ROLE_INIT, &m) == ERR_OK);
	CHECK(msg_send(ends[0], MSG_LOG_LINE, &line) == ERR_OK);
	CHECK(msg_recv(ends[1], ROLE_STATUS, ROLE_INIT, &m) == ERR_OK);
	close_pair();
}

static void descriptors_ride_on_start_alone_and_others_are_closed(void)
{
	open_pair();
	static struct msg_start start;
	int fds[2] = {open("/dev/null", O_RDONLY), open("/dev/null", O_RDONLY)};
	CHECK(msg_send_fds(ends[0], MSG_START, &start, fds, 2) == ERR_OK);
	CHECK(msg_recv(ends[1], ROLE_INIT, ROLE_CAPTURE, &m) == ERR_OK && m.fd_count == 2);
	close(m.fds[0]);
	close(m.fds[1]);
	CHECK(msg_send_fds(ends[0], MSG_ARM, NULL, fds, 2) == ERR_OK);
	CHECK(msg_recv(ends[1], ROLE_INIT, ROLE_CAPTURE, &m) == ERR_PROTOCOL);
	CHECK(fcntl(m.fds[0], F_GETFD) < 0 && fcntl(m.fds[1], F_GETFD) < 0);
	close(fds[0]);
	close(fds[1]);
	close_pair();
}

static void descriptors_on_a_message_longer_than_any_are_closed(void)
{
	open_pair();
	static uint8_t bytes[sizeof(uint32_t) + CHAN_MAX_BYTES + 1];
	struct iovec part = {bytes, sizeof(bytes)};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
	h.msg_controllen = sizeof(control.bytes);
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &ends[0], sizeof(int));
	CHECK(sendmsg(ends[0], &h, 0) == (ssize_t)sizeof(bytes));
	CHECK(msg_recv(ends[1], ROLE_INIT, ROLE_CAPTURE, &m) == ERR_PROTOCOL);
	CHECK(m.fd_count == 1 && fcntl(m.fds[0], F_GETFD) < 0);
	close_pair();
}

static void a_full_channel_says_so_instead_of_blocking(void)
{
	open_pair();
	static struct msg_start start;
	enum err e = ERR_OK;
	for (int i = 0; i < 1000 && !e; i++)
		e = msg_send(ends[0], MSG_START, &start);
	CHECK(e == ERR_FULL);
	close_pair();
}

int main(void)
{
	RUN(a_message_arrives_whole_with_its_type_and_payload,
	    "a message arrives whole, with its type and payload");
	RUN(what_a_peer_said_is_read_though_it_died_without_reading,
	    "what a peer said is read to its end, though it died with messages unread");
	RUN(a_message_of_another_length_than_its_types_is_refused,
	    "a message of another length than its type's is refused");
	RUN(a_message_in_a_direction_that_the_table_does_not_list_is_refused,
	    "a message in a direction that the table does not list is refused");
	RUN(the_status_role_has_a_say_in_nothing, "the role that strangers speak to may log, nothing else");
	RUN(descriptors_ride_on_start_alone_and_others_are_closed,
	    "descriptors ride on START alone; others are closed");
	RUN(descriptors_on_a_message_longer_than_any_are_closed,
	    "descriptors on a message that is longer than any can be are closed");
	RUN(a_full_channel_says_so_instead_of_blocking, "a full channel says so instead of blocking");
	return check_done();
}
