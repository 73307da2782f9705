/* Names are asked for on the loopback of a network namespace of its own, where nobody answers. */
#include "role/net/names.h"

#include <sched.h>

#include "check.h"

static struct loop loop;
static struct names names;
static uint32_t answers;

static void answered(void *arg, struct peer *asker, const struct msg_name *name,
		     const struct msg_addresses *a, uint32_t server)
{
	(void)arg;
	(void)asker;
	(void)name;
	(void)server;
	answers += a->error == ERR_OK;
}

static void set_up(void)
{
	memset(&names, 0, sizeof(names));
	loop_init(&loop);
	names.loop = &loop;
	names.answered = answered;
	answers = 0;
	names_init(&names);
	names_servers(&names, (const uint32_t[NAMES_SERVERS]){127u << 24 | 1});
}

static uint32_t asked(void)
{
	uint32_t n = 0;
	for (int i = 0; i < NAMES_QUESTIONS; i++)
		n += names.question[i].attempt > 0;
	return n;
}

static void held_questions_wait(void)
{
	struct msg_name kms = {.id = 1, .host = "kms.example"}, s3 = {.id = 2, .host = "s3.example"};
	set_up();
	names.held = true;
	names_ask(&names, NULL, &kms);
	names_ask(&names, NULL, &s3);
	CHECK(asked() == 0 && names.question[0].busy && names.question[1].busy);
	names_release(&names);
	CHECK(asked() == 2 && !names.held);
	names_release(&names); /* once more: nothing is asked twice */
	CHECK(names.question[0].attempt == 1 && names.question[1].attempt == 1);
	CHECK(answers == 0);
}

static void others_do_not(void)
{
	struct msg_name name = {.id = 1, .host = "kms.example"}, literal = {.id = 2, .host = "192.0.2.1"};
	set_up();
	names_ask(&names, NULL, &name);
	CHECK(asked() == 1);
	names.held = true;
	names_ask(&names, NULL, &literal); /* it needs nobody */
	CHECK(answers == 1);
}

int main(void)
{
	if (unshare(CLONE_NEWNET)) {
		printf("skip names that are held: it takes root\n");
		return 0;
	}
	RUN(held_questions_wait, "while questions are held none is asked; released, each is asked once");
	RUN(others_do_not, "questions that nobody holds are asked at once");
	return check_done();
}
