/* Findings, as people and programs read them. */
#include <stdarg.h>
#include <stdio.h>

#include "aws/json.h"
#include "base/text.h"
#include "cli/doctor_tell.h"
#include "cli/say.h"

#define FINDING_MAX 4096

static const struct {
	const char *name, *why, *remedy;
} checks[DOCTOR_CHECKS] = {
	[DOCTOR_CALLER] = {"caller", "what it may look at, this report can tell",
			   "give it the permissions that are named"},
	[DOCTOR_INSTANCE] = {"instance", "without the instance nothing is forwarded or recorded",
			     "start it, or name another one by --instance or --appliance"},
	[DOCTOR_METADATA] = {"metadata-options",
			     "with IMDSv1 or more hops what is behind the appliance could ask for its "
			     "credentials",
			     "aws ec2 modify-instance-metadata-options --http-tokens required "
			     "--http-put-response-hop-limit 1"},
	[DOCTOR_INTERFACES] = {"interfaces", "the outside interface is device 0, the inside one device 1",
			       "attach the missing interface with that device index"},
	[DOCTOR_SOURCE_DEST] = {"source-dest-check",
				"EC2 drops what the appliance forwards while this check is on",
				"aws ec2 modify-network-interface-attribute --no-source-dest-check "
				"--network-interface-id ENI"},
	[DOCTOR_ROUTE_INSIDE] =
		{"route-inside", "what is inside must leave through the appliance, or it is not recorded",
		 "give the inside subnet's route table a default route to the inside interface"},
	[DOCTOR_ROUTE_AROUND] =
		{"route-around", "what goes there is neither forwarded nor recorded by the appliance",
		 "take the route away, or let it lead to the inside interface; if it shall be so, it "
		 "shall be so"},
	[DOCTOR_ROUTE_OUTSIDE] =
		{"route-outside", "the appliance itself forwards, and ships its evidence, by this route",
		 "give the outside subnet's route table a default route to an internet gateway or the "
		 "like"},
	[DOCTOR_ROUTE_BACK] =
		{"route-back",
		 "answers that come another way than the questions went are seen on one side alone",
		 "let the internet gateway's route table lead to the outside interface for the inside "
		 "subnet"},
	[DOCTOR_S3_ENDPOINT] =
		{"s3-endpoint",
		 "evidence then goes to S3 without a NAT gateway's price, and the bucket's policy "
		 "can name the endpoint",
		 "make a gateway endpoint for S3 with the outside subnet's route table"},
	[DOCTOR_GROUPS] =
		{"security-group",
		 "AWS tracks the flows of a group that is not open both ways, and drops what it "
		 "does not allow",
		 "open the inside group for all protocols and addresses both ways; the outside one for "
		 "what leaves"},
	[DOCTOR_USER_DATA] =
		{"user-data", "with a mistake in its configuration the appliance stays closed",
		 "correct it (sealtap check-config FILE), stop the instance, set the user data, start it"},
	[DOCTOR_VERDICT] = {"boot-verdict",
			    "ARMED is the appliance's own word that it forwards and "
			    "records",
			    "read the console: each line that is not ok says what to do"},
	[DOCTOR_ROLE] =
		{"role",
		 "the appliance ships with this role's credentials; it must be able to write, and to do "
		 "no more",
		 "give the role s3:PutObject on the prefix and kms:GenerateDataKey on the key, and "
		 "nothing else"},
	[DOCTOR_BUCKET] = {"bucket", "evidence is stored there",
			   "check the bucket's name, region and "
			   "owner"},
	[DOCTOR_VERSIONING] = {"versioning",
			       "without versions an object that is overwritten or deleted is gone",
			       "aws s3api put-bucket-versioning --versioning-configuration Status=Enabled"},
	[DOCTOR_OBJECT_LOCK] = {"object-lock", "without Object Lock whoever may delete may delete evidence",
				"aws s3api put-object-lock-configuration with a default retention"},
	[DOCTOR_PUBLIC_ACCESS] = {"public-access", "a policy or list that lets in everybody would be taken",
				  "aws s3api put-public-access-block with all four set"},
	[DOCTOR_ENCRYPTION] =
		{"encryption",
		 "under SSE-KMS the appliance's role needs a further permission; what is stored is "
		 "sealed already",
		 "set SSE-S3 (AES256) as the bucket's default"},
	[DOCTOR_BUCKET_POLICY] = {"bucket-policy",
				  "the policy is what keeps others from writing and deleting evidence",
				  "take the denials of board/nitro/stack.yaml, EvidenceBucketPolicy"},
	[DOCTOR_KEY] = {"key", "without the key nothing is sealed, and nothing opened any more",
			"enable the key, or cancel its deletion: aws kms enable-key, cancel-key-deletion"},
	[DOCTOR_KEY_POLICY] = {"key-policy", "who seals must not open, and somebody else must be able to",
			       "take the statements Seal and Open of board/nitro/stack.yaml, Key"},
	[DOCTOR_DECRYPT] =
		{"decrypt", "open, verify and flows need kms:Decrypt",
		 "take the analyst's role (AnalystRoleArn of the stack), with its second factor and "
		 "from its networks"},
};

static struct {
	bool json;
	unsigned count[3];
} g;

static const char *const levels[] = {
	[DOCTOR_OK] = "ok", [DOCTOR_WARNING] = "warning", [DOCTOR_PROBLEM] = "problem"};

static void put_member(struct buf *b, const char *name, const char *value)
{
	buf_u8(b, b->len ? ',' : '{');
	json_put_string(b, span_str(name));
	buf_u8(b, ':');
	json_put_string(b, span_str(value));
}

/* remedy: NULL: nothing is wrong. */
static void tell_program(enum doctor_level level, enum doctor_check check, const char *what, const char *text,
			 const char *remedy)
{
	char memory[2 * FINDING_MAX];
	struct buf b = BUF_OF(memory);
	put_member(&b, "level", levels[level]);
	put_member(&b, "check", checks[check].name);
	put_member(&b, "what", what);
	put_member(&b, "found", text);
	put_member(&b, "why", remedy ? checks[check].why : "");
	put_member(&b, "remedy", remedy ? remedy : "");
	buf_str(&b, "}\n");
	(void)say_out(buf_span(&b));
}

static void tell_person(enum doctor_level level, enum doctor_check check, const char *what, const char *text,
			const char *remedy)
{
	char memory[2 * FINDING_MAX];
	int n = snprintf(memory, sizeof(memory), "%-8s %s%s%s: %s\n", levels[level], checks[check].name,
			 *what ? " " : "", what, text);
	if (remedy && n > 0 && (size_t)n < sizeof(memory))
		n += snprintf(memory + n, sizeof(memory) - (size_t)n,
			      "         why: %s\n         remedy: %s\n", checks[check].why, remedy);
	(void)say_out(span_str(n > 0 ? memory : ""));
}

static void tell(enum doctor_level level, enum doctor_check check, const char *what, const char *raw,
		 const char *remedy)
{
	char text[FINDING_MAX];
	text_printable_str(span_str(raw), text, sizeof(text));
	g.count[level]++;
	(g.json ? tell_program : tell_person)(level, check, what, text, remedy);
}

void doctor_tell(enum doctor_level level, enum doctor_check check, const char *what, const char *format, ...)
{
	char raw[FINDING_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	tell(level, check, what, raw, level ? checks[check].remedy : NULL);
}

void doctor_unknown(enum doctor_check check, const char *what, const char *permission, const struct call *c)
{
	char text[FINDING_MAX], remedy[128];
	bool denied = c->error == ERR_DENIED;
	snprintf(remedy, sizeof(remedy),
		 denied ? "ask with credentials that have %s, or look there yourself"
			: "ask again; if it stays so, look there yourself (%s)",
		 permission);
	if (denied)
		snprintf(text, sizeof(text), "not known: you may not look (%s)", c->fault.code);
	else if (c->status)
		snprintf(text, sizeof(text), "not known: %u %s: %s", c->status, c->fault.code,
			 c->fault.message);
	else
		snprintf(text, sizeof(text), "not known: no answer of %s: %s", c->service,
			 c->why ? c->why : err_text(c->error));
	tell(DOCTOR_WARNING, check, what, text, remedy);
}

void doctor_tell_begin(bool json)
{
	g.json = json;
}

enum exit_status doctor_tell_end(void)
{
	if (!g.json) {
		char text[128];
		int n = snprintf(text, sizeof(text), "%u ok, %u warnings, %u problems\n", g.count[DOCTOR_OK],
				 g.count[DOCTOR_WARNING], g.count[DOCTOR_PROBLEM]);
		(void)say_out(span_of(text, (size_t)n));
	}
	enum exit_status s = say_out_done();
	return s                         ? s
	       : g.count[DOCTOR_PROBLEM] ? EXIT_DAMAGED
	       : g.count[DOCTOR_WARNING] ? EXIT_INCOMPLETE
					 : EXIT_DONE;
}
