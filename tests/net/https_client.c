/* https_client: the appliance's HTTPS client as a program, for tests against real servers.
 *
 *   https_client ANCHORS.pem ADDRESS PORT HOST STEP...
 *     get:PATH          print the answer
 *     get:PATH:FILE     and write its body to FILE
 *     put:PATH:FILE     send FILE as the body
 *     wait:MS           let the loop run
 *     timeout:MS        for the requests from here on
 *   ANCHORS "-" speaks plain HTTP. A line of JSON a request; exit code 0 when all steps were made. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time.h"
#include "os/clock.h"
#include "role/https.h"

static struct loop loop;
static struct https client;
static struct tls_anchors anchors;
static uint8_t body_mem[64 << 20];
static const char *save_as; /* NULL: nowhere */
static uint64_t started_ns;
static bool done;

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "https_client: %s: %s\n", what, why);
	exit(2);
}

/* In the place of the C library's: how the request is handed to the kernel. */
static unsigned writes;
static size_t longest_write;

ssize_t send(int fd, const void *p, size_t len, int flags)
{
	ssize_t n = sendto(fd, p, len, flags, NULL, 0);
	writes += n > 0;
	longest_write = n > 0 && (size_t)n > longest_write ? (size_t)n : longest_write;
	return n;
}

static struct span map_file(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		die(path, "cannot be read");
	size_t len = (size_t)st.st_size;
	void *p = len ? mmap(NULL, len, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0) : NULL;
	close(fd);
	if (p == MAP_FAILED)
		die(path, "cannot be mapped");
	return span_of(p, len);
}

static void save(struct span body)
{
	FILE *f = fopen(save_as, "w");
	if (!f || fwrite(body.p, 1, body.len, f) != body.len || fclose(f))
		die(save_as, "cannot be written");
}

static const char *truth(bool b)
{
	return b ? "true" : "false";
}

static void on_done(void *arg, const struct https_result *r)
{
	(void)arg;
	done = true;
	if (save_as)
		save(r->body);
	printf("{\"err\": \"%s\", \"where\": \"%s\", \"why\": \"%s\", \"status\": %u, ", err_text(r->err),
	       r->where, r->why, r->response->status);
	printf("\"answered\": %s, \"sent_all\": %s, \"maybe_delivered\": %s, \"reused\": %s, ",
	       truth(r->answered), truth(r->sent_all), truth(r->maybe_delivered), truth(r->reused));
	printf("\"writes\": %u, \"longest_write\": %zu, ", writes, longest_write);
	printf("\"bytes\": %zu, \"ms\": %llu}\n", r->body.len,
	       (unsigned long long)((clock_mono_ns() - started_ns) / NS_PER_MS));
	fflush(stdout);
}

static void run(uint64_t for_ms)
{
	uint64_t end_ns = clock_mono_ns() + for_ms * NS_PER_MS, now_ns;
	while (!done && (now_ns = clock_mono_ns()) < end_ns)
		loop_turn(&loop, end_ns - now_ns);
}

static void request(struct https_request q, const char *method, char *path)
{
	static uint8_t mem[4096];
	struct buf head = BUF_OF(mem), length = buf_over((uint8_t[24]){0}, 24);
	char *file = strchr(path, ':');
	if (file)
		*file++ = 0;
	bool put = strcmp(method, "PUT") == 0;
	if (put)
		q.body = map_file(file ? file : "");
	save_as = put ? NULL : file;
	http1_request_line(&head, method, span_str(path));
	http1_header(&head, "Host", span_str(q.host));
	if (put) {
		text_u64(&length, q.body.len);
		http1_header(&head, "Content-Length", buf_span(&length));
	}
	http1_head_end(&head);
	if (buf_err(&head))
		die(path, "too long");
	q.head = buf_span(&head);
	done = false;
	writes = 0;
	longest_write = 0;
	started_ns = clock_mono_ns();
	https_start(&client, &q);
	run(120000);
	if (!done)
		die(path, "never done");
	if (put && q.body.len)
		munmap((void *)(uintptr_t)q.body.p, q.body.len);
}

static uint64_t number(const char *text)
{
	uint64_t v;
	if (text_read_u64(span_str(text), 1u << 30, &v))
		die(text, "not a number");
	return v;
}

int main(int argc, char **argv)
{
	if (argc < 6)
		die("usage", "https_client ANCHORS.pem ADDRESS PORT HOST STEP...");
	struct https_request q = {
		.host = argv[4], .port = (uint16_t)number(argv[3]), .tls = strcmp(argv[1], "-") != 0};
	uint32_t v4;
	if (text_read_ipv4(span_str(argv[2]), &v4))
		die(argv[2], "not an address");
	const struct ip addr = ip_from_v4(v4);
	q.addr = &addr;
	q.addr_count = 1;
	enum err e = q.tls ? tls_anchors_read(map_file(argv[1]), &anchors) : ERR_OK;
	if (e)
		die(argv[1], err_text(e));
	loop_init(&loop);
	https_init(&client, &loop, q.tls ? &anchors : NULL, body_mem, sizeof(body_mem), on_done, NULL);
	for (int i = 5; i < argc; i++) {
		char *step = argv[i];
		done = false;
		if (strncmp(step, "get:", 4) == 0)
			request(q, "GET", step + 4);
		else if (strncmp(step, "put:", 4) == 0)
			request(q, "PUT", step + 4);
		else if (strncmp(step, "wait:", 5) == 0)
			run(number(step + 5));
		else if (strncmp(step, "timeout:", 8) == 0)
			q.timeout_ms = number(step + 8);
		else
			die(step, "not a step");
	}
	return 0;
}
