/* s3_put: PutObject as the appliance sends it, signature, head and connection, for tests against a real S3.
 *
 *   s3_put ANCHORS.pem ADDRESS KEY SECRET BUCKET STEP...
 *     put:NAME:FILE     send FILE as PREFIX/ACCOUNT/REGION/APPLIANCE/NAME
 *     endpoint:HOST     s3.endpoint, from here on: path style
 *     clock:SECONDS     this clock is that far ahead, from here on; may be negative
 *     token:TEXT        a session's token, from here on
 *   for the next put alone, once it is signed:
 *     edit:HEADER       another last character in its value
 *     drop:HEADER       without it
 *     body              one bit of the body is another
 *     unanswered        an attempt before it had no answer
 *   A line of JSON a put; exit code 0 when all steps were made. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aws/s3.h"
#include "base/text.h"
#include "base/time.h"
#include "lib/sha.h"
#include "os/clock.h"
#include "role/https.h"

static struct loop loop;
static struct https client;
static struct tls_anchors anchors;
static struct ip addr;
static struct settings settings = {.s3_prefix = "evidence/lab"};
static struct object_identity identity = {
	.account = "123456789012", .region = "eu-central-1", .appliance = "lab"};
static struct aws_credentials creds;
static struct sigv4_cache cache;
static long clock_ahead_s;
static bool done;

/* of the next put */
static struct s3_attempts attempts;
static const char *edited, *dropped; /* borrowed from argv; NULL: none */
static bool damaged;

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "s3_put: %s: %s\n", what, why);
	exit(2);
}

static void must(const char *what, enum err e)
{
	if (e)
		die(what, err_text(e));
}

static void copy(char *to, size_t cap, const char *from)
{
	if (strlen(from) >= cap)
		die(from, "too long");
	strcpy(to, from);
}

/* Of at most nine digits; may be negative. */
static long seconds(const char *text)
{
	uint64_t v;
	bool negative = *text == '-';
	must(text, text_read_u64(span_str(text + negative), 999999999, &v));
	return negative ? -(long)v : (long)v;
}

/* A private copy: it may be changed. */
static struct buf map_file(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || st.st_size == 0)
		die(path, "cannot be read, or is empty");
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		die(path, "cannot be mapped");
	struct buf b = buf_over(p, (size_t)st.st_size);
	b.len = b.cap;
	return b;
}

static void on_done(void *arg, const struct https_result *r)
{
	static const char *const verdicts[] = {"STORED", "RETRY",  "REFRESH", "SKEW",
					       "MOVED",  "EXISTS", "DENIED"};
	struct fault fault;
	(void)arg;
	done = true;
	fault_clear(&fault);
	const char *verdict =
		r->err ? "" : verdicts[s3_classify(&attempts, r->response->status, r->body, &fault)];
	printf("{\"err\": \"%s\", \"where\": \"%s\", \"status\": %u, \"verdict\": \"%s\", ", err_text(r->err),
	       r->where, r->err ? 0 : r->response->status, verdict);
	printf("\"code\": \"%s\", \"reused\": %s}\n", fault.code, r->reused ? "true" : "false");
	fflush(stdout);
}

static struct object_meta describe(const char *name, struct span body)
{
	struct object_meta m = {.kind = OBJECT_PACKETS,
				.stream = "w0",
				.first_ns = 1767225600000000001,
				.last_ns = 1767225601000000002,
				.records = 3,
				.raw_bytes = 4,
				.lost = 5,
				.cut = 6,
				.filtered = 7,
				.size_bytes = body.len,
				.sig_len = OBJECT_SIG_MAX};
	int n = snprintf(m.name, sizeof(m.name), "%s/%s/%s/%s/%s", settings.s3_prefix, identity.account,
			 identity.region, identity.appliance, name);
	if (n < 0 || (size_t)n >= sizeof(m.name))
		die(name, "too long");
	memset(m.prev, 0xfb, sizeof(m.prev));
	memset(m.sig, 0xfb, sizeof(m.sig)); /* '+' and '/' in base64 */
	sha256_of(body, m.sha256);
	return m;
}

/* The header's line without its CRLF. */
static struct span find_line(struct span head, const char *name)
{
	while (head.len) {
		struct span line = span_cut(&head, '\n');
		if (span_starts(line, span_str(name)) && line.p[strlen(name)] == ':')
			return span_first(line, line.len - 1);
	}
	die(name, "no such header");
}

static void change_head(struct buf *head)
{
	if (edited) {
		struct span line = find_line(buf_span(head), edited);
		uint8_t *last = &head->p[line.p - head->p] + line.len - 1;
		*last = *last == '0' ? '1' : '0';
	}
	if (dropped) {
		struct span line = find_line(buf_span(head), dropped);
		size_t from = (size_t)(line.p - head->p), to = from + line.len + 2;
		memmove(head->p + from, head->p + to, head->len - to);
		head->len -= to - from;
	}
}

static void exchange(struct span head, struct span body)
{
	struct endpoint endpoint;
	must("endpoint", s3_endpoint(&settings, &identity, &endpoint));
	struct https_request q = {.host = endpoint.host,
				  .addr = &addr,
				  .addr_count = 1,
				  .port = endpoint.port,
				  .tls = true,
				  .head = head,
				  .body = body,
				  .timeout_ms = 60000};
	done = false;
	https_start(&client, &q);
	while (!done)
		loop_turn(&loop, NS_PER_S);
}

static void put(char *name)
{
	static uint8_t head_mem[S3_HEAD_MAX];
	uint8_t date_mem[20], auth_mem[SIGV4_AUTHORIZATION_MAX];
	struct buf date = BUF_OF(date_mem), auth = BUF_OF(auth_mem), head = BUF_OF(head_mem);
	char *file = strchr(name, ':');
	if (!file)
		die(name, "put:NAME:FILE");
	*file++ = 0;
	struct buf body = map_file(file);
	struct object_meta m = describe(name, buf_span(&body));
	uint64_t now_ns = clock_real_ns() + (uint64_t)clock_ahead_s * NS_PER_S;
	must("sign", s3_put_sign(&settings, &identity, &m, &creds, &cache, now_ns, &date, &auth));
	must("head", s3_put_head(&settings, &identity, &m, buf_span(&date), buf_span(&auth),
				 span_str(creds.token), &head));
	change_head(&head);
	if (damaged)
		body.p[body.len / 2] ^= 1;
	exchange(buf_span(&head), buf_span(&body));
	munmap(body.p, body.cap);
	memset(&attempts, 0, sizeof(attempts));
	edited = dropped = NULL;
	damaged = false;
}

static void step(char *word)
{
	char *value = strchr(word, ':');
	if (value)
		*value++ = 0;
	if (strcmp(word, "body") == 0)
		damaged = true;
	else if (strcmp(word, "unanswered") == 0)
		s3_no_answer(&attempts);
	else if (!value)
		die(word, "not a step");
	else if (strcmp(word, "put") == 0)
		put(value);
	else if (strcmp(word, "endpoint") == 0) {
		copy(settings.s3_endpoint.host, sizeof(settings.s3_endpoint.host), value);
		settings.s3_endpoint.port = 443;
	} else if (strcmp(word, "clock") == 0)
		clock_ahead_s = seconds(value);
	else if (strcmp(word, "token") == 0)
		copy(creds.token, sizeof(creds.token), value);
	else if (strcmp(word, "edit") == 0)
		edited = value;
	else if (strcmp(word, "drop") == 0)
		dropped = value;
	else
		die(word, "not a step");
}

int main(int argc, char **argv)
{
	static uint8_t answer_mem[S3_ANSWER_MAX];
	uint32_t v4;
	if (argc < 7)
		die("usage", "s3_put ANCHORS.pem ADDRESS KEY SECRET BUCKET STEP...");
	struct buf pem = map_file(argv[1]);
	must(argv[1], tls_anchors_read(buf_span(&pem), &anchors));
	must(argv[2], text_read_ipv4(span_str(argv[2]), &v4));
	addr = ip_from_v4(v4);
	copy(creds.access_key_id, sizeof(creds.access_key_id), argv[3]);
	copy(creds.secret, sizeof(creds.secret), argv[4]);
	copy(settings.s3_bucket, sizeof(settings.s3_bucket), argv[5]);
	copy(identity.prefix, sizeof(identity.prefix), settings.s3_prefix);
	loop_init(&loop);
	https_init(&client, &loop, &anchors, answer_mem, sizeof(answer_mem), on_done, NULL);
	for (int i = 6; i < argc; i++)
		step(argv[i]);
	return 0;
}
