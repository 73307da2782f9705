/* Credentials of the machine that the command runs on: a container's or an instance's role. */
#include <poll.h>
#include <string.h>

#include "aws/endpoint.h"
#include "aws/imds.h"
#include "aws/url.h"
#include "base/text.h"
#include "cli/env.h"
#include "cli/exchange.h"
#include "cli/places.h"
#include "cli/profiles.h"
#include "cli/say.h"
#include "os/clock.h"
#include "os/file.h"

#define CONTAINER_HOST "http://169.254.170.2"
#define CONTAINER_TRIES 3
#define CONTAINER_TIMEOUT_MS 2000
#define INSTANCE_TIMEOUT_MS 1000

static uint8_t answer[IMDS_BODY_MAX]; /* secret */

/* ---- containers */

/* Its own machine's, those that Amazon ECS and EKS listen at, or any over TLS: a token must go to no
 * other. */
static bool is_allowed(const struct url *u)
{
	static const char *const hosts[] = {"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "localhost"};
	static const struct ip loopback6 = {{[15] = 1}};
	struct ip address;
	struct span host = span_str(u->at.host);
	if (u->tls)
		return true;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		if (span_eq(host, span_str(hosts[i])))
			return true;
	if (host.p[0] == '[')
		host = span_first(span_from(host, 1), host.len - 2);
	return !ip_read(host, &address) &&
	       (ip_is_v4(&address) ? ip_to_v4(&address) >> 24 == 127 : ip_eq(&address, &loopback6));
}

static enum err find_url(char *memory, size_t cap, struct url *out)
{
	const char *relative = env_get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	struct buf text = buf_over(memory, cap);
	buf_str(&text, relative ? CONTAINER_HOST : env_get("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
	buf_str(&text, relative ? relative : "");
	TRY(buf_err(&text));
	return url_read(buf_span(&text), true, out);
}

/* *len 0: there is none. */
static enum err find_authorization(char *memory, size_t cap, size_t *len)
{
	const char *path = env_get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *text = env_get("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	struct buf b = buf_over(memory, cap);
	if (path) {
		TRY(file_read(path, memory, cap, len));
	} else {
		buf_str(&b, text ? text : "");
		TRY(buf_err(&b));
		*len = b.len;
	}
	return text_is_printable(span_of(memory, *len)) ? ERR_OK : ERR_SYNTAX;
}

static enum err ask_container(const struct url *u, struct span authorization, struct exchange *x)
{
	static uint8_t head_memory[16384];
	char host_text[300];
	struct buf head = BUF_OF(head_memory), host = BUF_OF(host_text);
	endpoint_put_host(&host, &u->at);
	http1_request_line(&head, "GET", u->path);
	http1_header(&head, "Host", buf_span(&host));
	http1_header(&head, "Accept", SPAN("application/json"));
	if (authorization.len)
		http1_header(&head, "Authorization", authorization);
	http1_head_end(&head);
	*x = (struct exchange){.host = u->at.host,
			       .port = u->at.port,
			       .tls = u->tls,
			       .head = buf_span(&head),
			       .timeout_ms = CONTAINER_TIMEOUT_MS,
			       .to = answer,
			       .to_bytes = sizeof(answer)};
	enum err e = buf_err(&head);
	for (unsigned tried = 0; !e && tried < CONTAINER_TRIES; tried++) {
		e = exchange_run(x);
		if (!e && x->response->status == 200)
			break;
		if (tried + 1 < CONTAINER_TRIES)
			poll(NULL, 0, 1000);
	}
	wipe(head_memory, sizeof(head_memory));
	return e;
}

static enum place_found container_answered(struct place_search *s, const struct url *u, enum err e,
					   const struct exchange *x, struct aws_credentials *out)
{
	if (e)
		return PLACE_FAIL(s, EXIT_UNAVAILABLE,
				  "can't ask the container's endpoint %s for credentials: %s: %s", u->at.host,
				  x->where ? x->where : "request", x->why ? x->why : err_text(e));
	if (x->response->status != 200)
		return PLACE_FAIL(s, EXIT_DENIED,
				  "the container's endpoint %s gives no credentials: it answers %u",
				  u->at.host, x->response->status);
	e = creds_read_container(x->answer, out);
	return e ? PLACE_FAIL(s, EXIT_UNAVAILABLE,
			      "what the container's endpoint %s gives is no credentials: %s", u->at.host,
			      err_text(e))
		 : PLACE_FOUND;
}

enum place_found place_container(struct place_search *s, struct aws_credentials *out)
{
	static char url_text[2048], authorization[8192];
	struct url u;
	struct exchange x = {0};
	size_t len = 0;
	if (!env_get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") &&
	    !env_get("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
		return PLACE_EMPTY;
	if (find_url(url_text, sizeof(url_text), &u) || !is_allowed(&u))
		return PLACE_FAIL(
			s, EXIT_NOT_SET_UP,
			"AWS_CONTAINER_CREDENTIALS_FULL_URI (or _RELATIVE_URI) must be https, or of "
			"this machine, or of Amazon ECS or EKS: %s",
			say_text(span_str(url_text)));
	enum err e = find_authorization(authorization, sizeof(authorization), &len);
	if (e)
		return PLACE_FAIL(s, EXIT_NOT_SET_UP,
				  "AWS_CONTAINER_AUTHORIZATION_TOKEN (or _FILE) can't be sent: %s",
				  err_text(e));
	e = ask_container(&u, span_of(authorization, len), &x);
	wipe(authorization, sizeof(authorization));
	enum place_found found = container_answered(s, &u, e, &x, out);
	wipe(answer, sizeof(answer));
	return found;
}

/* ---- instances */

static bool find_instance_url(char *memory, size_t cap, struct url *out)
{
	const char *text = env_get("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *mode = env_get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
	char mode_text[16];
	if (!text && profiles_get(profiles_name(), "ec2_metadata_service_endpoint", memory, cap) && memory[0])
		text = memory;
	if (!mode &&
	    profiles_get(profiles_name(), "ec2_metadata_service_endpoint_mode", mode_text, sizeof(mode_text)))
		mode = mode_text;
	if (!text)
		text = mode && span_ieq(span_str(mode), SPAN("ipv6")) ? "http://[fd00:ec2::254]"
								      : "http://169.254.169.254";
	return url_read(span_str(text), false, out) == ERR_OK;
}

static enum place_found talk(struct place_search *s, const struct url *u, struct imds *m)
{
	static uint8_t request_memory[IMDS_REQUEST_MAX];
	struct buf request = BUF_OF(request_memory);
	for (imds_begin(m, IMDS_CREDENTIALS, clock_mono_ns()); imds_next(m, &request); buf_reset(&request)) {
		struct exchange x = {.host = u->at.host,
				     .port = u->at.port,
				     .tls = u->tls,
				     .head = buf_span(&request),
				     .timeout_ms = INSTANCE_TIMEOUT_MS,
				     .to = answer,
				     .to_bytes = sizeof(answer)};
		if (exchange_run(&x))
			return PLACE_EMPTY; /* this machine is no instance */
		enum err e = imds_answer(m, x.response->status, x.answer);
		if (e == ERR_NOT_FOUND || (e && m->step == IMDS_TOKEN))
			return PLACE_EMPTY; /* it has no role */
		if (e)
			return PLACE_FAIL(s, EXIT_DENIED,
					  "the instance's metadata service gives no credentials: %s: %s %s",
					  imds_step_text(m->step), err_text(e), m->detail);
	}
	return PLACE_FOUND;
}

enum place_found place_instance(struct place_search *s, struct aws_credentials *out)
{
	static struct imds m; /* secret */
	char memory[512];
	struct url u;
	const char *disabled = env_get("AWS_EC2_METADATA_DISABLED");
	if (disabled && span_ieq(span_str(disabled), SPAN("true")))
		return PLACE_EMPTY;
	if (!find_instance_url(memory, sizeof(memory), &u))
		return PLACE_FAIL(s, EXIT_NOT_SET_UP, "AWS_EC2_METADATA_SERVICE_ENDPOINT is no address");
	memset(&m.result, 0, sizeof(m.result));
	m.token[0] = 0;
	enum place_found found = talk(s, &u, &m);
	if (found == PLACE_FOUND)
		*out = m.result.creds;
	wipe(&m, sizeof(m));
	wipe(answer, sizeof(answer));
	return found;
}
