/* post_requests HOST PORT KEY SECRET REGION TOPIC: writes CloudWatch's and SNS's requests as keys and upload
 * make them together, for post_test.py: first its head, then its body, each after a line with its length. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aws/cloudwatch.h"
#include "aws/sns.h"
#include "base/text.h"

static struct settings settings = {.metrics_namespace = "Seal/tap#1:x"};
static struct object_identity identity = {.account = "123456789012", .appliance = "tap-1~x"};
static struct aws_credentials creds;

static void copy(char *to, size_t cap, const char *from)
{
	if (strlen(from) >= cap)
		exit(2);
	strcpy(to, from);
}

static void put(struct span s)
{
	printf("%zu\n", s.len);
	fwrite(s.p, 1, s.len, stdout);
}

static void must(enum err e)
{
	if (e) {
		fprintf(stderr, "%s\n", err_text(e));
		exit(1);
	}
}

static void write_request(const struct post_call *call, uint64_t now_ns)
{
	static struct sigv4_cache cache;
	uint8_t date_mem[20], auth_mem[SIGV4_AUTHORIZATION_MAX], head_mem[POST_HEAD_MAX];
	struct buf date = BUF_OF(date_mem), auth = BUF_OF(auth_mem), head = BUF_OF(head_mem);
	must(post_sign(call, &creds, &cache, now_ns, &date, &auth));
	must(post_head(call, buf_span(&date), buf_span(&auth), span_str(creds.token), &head));
	put(buf_span(&head));
	put(call->body);
}

int main(int argc, char **argv)
{
	static uint8_t body_mem[CLOUDWATCH_BODY_MAX];
	struct post_call call;
	uint64_t port;
	if (argc != 7)
		return 2;
	copy(settings.cloudwatch_endpoint.host, sizeof(settings.cloudwatch_endpoint.host), argv[1]);
	must(text_read_u64(span_str(argv[2]), UINT16_MAX, &port));
	settings.cloudwatch_endpoint.port = (uint16_t)port;
	settings.sns_endpoint = settings.cloudwatch_endpoint;
	copy(creds.access_key_id, sizeof(creds.access_key_id), argv[3]);
	copy(creds.secret, sizeof(creds.secret), argv[4]);
	copy(identity.region, sizeof(identity.region), argv[5]);
	copy(settings.alarm_topic, sizeof(settings.alarm_topic), argv[6]);
	uint64_t now_ns = (uint64_t)time(NULL) * 1000000000;
	struct cloudwatch_sample sample = {.at_ns = now_ns,
					   .packets = UINT64_MAX,
					   .lost_ring = 3,
					   .lost_before_tap = 4,
					   .forwarding = 1};
	struct buf body = BUF_OF(body_mem);
	must(cloudwatch_call(&settings, &identity, &sample, &body, &call));
	write_request(&call, now_ns);
	struct sns_alarm alarm = {.at_ns = now_ns,
				  .event = "recording-lost",
				  .text = "3 packets & \"more\"=100%",
				  .suppressed = 2};
	buf_reset(&body);
	must(sns_call(&settings, &identity, &alarm, &body, &call));
	write_request(&call, now_ns);
	return 0;
}
