/* An HTTP client in a program that was built later than the clock says. */
#include "https_scene.h"

#include "base/version.h"

const char version_text[] = "of the future";
const uint64_t version_time_s = UINT64_MAX;

static void no_certificate_is_judged(void)
{
	static const struct tls_anchors anchors;
	static struct https secure;
	struct ip twice[2];
	SCENE({1, SPAN(""), CLOSE});
	struct https_request r = request(SPAN(""));
	https_init(&secure, &loop, &anchors, body_mem, sizeof(body_mem), on_done, &client);
	twice[0] = twice[1] = localhost;
	r.addr = twice;
	r.addr_count = 2;
	r.tls = true;
	https_start(&secure, &r);
	wait_done();
	CHECK(got.err == ERR_CLOCK && !strcmp(got.where, "connect") && !strcmp(got.why, err_text(ERR_CLOCK)));
	CHECK(!got.answered && !got.sent_all && !got.maybe_delivered && secure.addr_next == 1);
	turns(20);
	CHECK(server.accepted <= 1 && server.received == 0);
	https_abort(&secure);
	scene_end();
}

static void plain_requests_go_on(void)
{
	SCENE({HEAD_LEN, SPAN(OK2), CLOSE});
	CHECK(ask() == ERR_OK && is_hi());
	scene_end();
}

int main(void)
{
	RUN(no_certificate_is_judged,
	    "a clock from before the build ends TLS before its first byte, for that reason");
	RUN(plain_requests_go_on, "a clock from before the build leaves the metadata service within reach");
	return check_done();
}
