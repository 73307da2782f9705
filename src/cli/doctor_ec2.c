/* The instance: where it is, its interfaces, its configuration, what it says of itself. */
#include <stdio.h>
#include <string.h>

#include "aws/rows.h"
#include "aws/xml.h"
#include "base/text.h"
#include "cli/doctor.h"
#include "cli/session.h"

#define MISTAKES_MAX 16
#define INSTANCE "DescribeInstancesResponse/reservationSet/item/instancesSet/item/"
#define INTERFACE "DescribeNetworkInterfacesResponse/networkInterfaceSet/item/"

struct found {
	struct doctor *d;
	unsigned count;
	char state[32], tokens[32], hops[16];
};

enum { I_ID, I_STATE, I_VPC, I_PROFILE, I_TOKENS, I_HOPS, I_COLUMNS };

static const struct rows_list instances = {
	.group_depth = 2,
	.row_depth = 4,
	.count = I_COLUMNS,
	.column = {INSTANCE "instanceId", INSTANCE "instanceState/name", INSTANCE "vpcId",
		   INSTANCE "iamInstanceProfile/arn", INSTANCE "metadataOptions/httpTokens",
		   INSTANCE "metadataOptions/httpPutResponseHopLimit"},
};

static void on_instance(void *arg, unsigned group, const char *const *v)
{
	(void)group;
	struct found *f = arg;
	if (!strcmp(v[I_STATE], "terminated") || !v[I_ID][0])
		return;
	f->count++;
	snprintf(f->d->instance, sizeof(f->d->instance), "%s", v[I_ID]);
	snprintf(f->d->vpc, sizeof(f->d->vpc), "%s", v[I_VPC]);
	snprintf(f->d->profile_arn, sizeof(f->d->profile_arn), "%s", v[I_PROFILE]);
	snprintf(f->state, sizeof(f->state), "%s", v[I_STATE]);
	snprintf(f->tokens, sizeof(f->tokens), "%s", v[I_TOKENS]);
	snprintf(f->hops, sizeof(f->hops), "%s", v[I_HOPS]);
}

enum { E_ID, E_SUBNET, E_ADDRESS, E_CHECK, E_DEVICE, E_COLUMNS };

static const struct rows_list interfaces = {
	.group_depth = 2,
	.row_depth = 2,
	.count = E_COLUMNS,
	.column = {INTERFACE "networkInterfaceId", INTERFACE "subnetId", INTERFACE "privateIpAddress",
		   INTERFACE "sourceDestCheck", INTERFACE "attachment/deviceIndex"},
};
static const struct rows_list groups = {
	.group_depth = 2,
	.row_depth = 4,
	.count = 1,
	.column = {INTERFACE "groupSet/item/groupId"},
};

/* Which device each element of the answer is. */
struct interfaces {
	struct doctor *d;
	struct doctor_interface *of[16];
};

static void on_interface(void *arg, unsigned group, const char *const *v)
{
	struct interfaces *all = arg;
	unsigned n = v[E_DEVICE][0] >= '0' && v[E_DEVICE][0] <= '9' && !v[E_DEVICE][1]
			     ? (unsigned)(v[E_DEVICE][0] - '0')
			     : DOCTOR_INTERFACES_MAX;
	if (n >= DOCTOR_INTERFACES_MAX || group >= 16)
		return;
	struct doctor_interface *i = all->of[group] = &all->d->interface[n];
	i->there = true;
	i->source_dest_check = strcmp(v[E_CHECK], "false") != 0;
	snprintf(i->id, sizeof(i->id), "%s", v[E_ID]);
	snprintf(i->subnet, sizeof(i->subnet), "%s", v[E_SUBNET]);
	snprintf(i->address, sizeof(i->address), "%s", v[E_ADDRESS]);
}

static void on_group(void *arg, unsigned group, const char *const *v)
{
	struct interfaces *all = arg;
	struct doctor_interface *i = group < 16 ? all->of[group] : NULL;
	if (i && i->groups < DOCTOR_GROUPS_MAX)
		snprintf(i->group[i->groups++], sizeof(i->group[0]), "%s", v[0]);
}

static void look_at_interfaces(struct doctor *d)
{
	static const char *const names[] = {"outside", "inside"};
	struct call c;
	const char *const pairs[] = {"Filter.1.Name", "attachment.instance-id", "Filter.1.Value.1",
				     d->instance, NULL};
	enum err e = doctor_query("ec2", "DescribeNetworkInterfaces", pairs, &c);
	if (e) {
		doctor_unknown(DOCTOR_INTERFACES, d->instance, "ec2:DescribeNetworkInterfaces", &c);
		return;
	}
	struct interfaces all = {.d = d};
	e = rows_read(c.answer, &interfaces, on_interface, &all);
	if (!e)
		e = rows_read(c.answer, &groups, on_group, &all);
	for (unsigned n = 0; n < 2; n++) {
		const struct doctor_interface *i = &d->interface[n];
		if (!i->there)
			doctor_tell(e ? DOCTOR_WARNING : DOCTOR_PROBLEM, DOCTOR_INTERFACES, d->instance,
				    "it has no %s interface (device %u)%s%s", names[n], n, e ? ": " : "",
				    e ? err_text(e) : "");
		else if (i->source_dest_check)
			doctor_tell(DOCTOR_PROBLEM, DOCTOR_SOURCE_DEST, i->id, "on at the %s interface",
				    names[n]);
		else
			doctor_tell(DOCTOR_OK, DOCTOR_SOURCE_DEST, i->id, "off at the %s interface",
				    names[n]);
	}
}

static enum err ask_instances(const char *id, struct call *c)
{
	static char name[80];
	const char *appliance = session_names()->appliance;
	snprintf(name, sizeof(name), "%s%s", *appliance ? "* " : "sealtap*", appliance); /* stack.yaml's */
	const char *const by_id[] = {"InstanceId.1", id, NULL};
	const char *const by_name[] = {
		"Filter.1.Name", "tag:Name", "Filter.1.Value.1", name, *appliance ? "Filter.1.Value.2" : NULL,
		appliance,       NULL};
	return doctor_query("ec2", "DescribeInstances", id ? by_id : by_name, c);
}

void doctor_instance(struct doctor *d, const char *id)
{
	struct found f = {.d = d};
	struct call c;
	enum err e = ask_instances(id, &c);
	if (e && e != ERR_DENIED && c.status / 100 == 4) {
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_INSTANCE, id ? id : "", "%s: %s", c.fault.code,
			    c.fault.message);
		return;
	}
	if (!e)
		e = c.error = rows_read(c.answer, &instances, on_instance, &f);
	if (e) {
		doctor_unknown(DOCTOR_INSTANCE, id ? id : "", "ec2:DescribeInstances", &c);
		return;
	}
	if (f.count != 1) {
		d->instance[0] = d->vpc[0] = d->profile_arn[0] = 0;
		doctor_tell(
			f.count ? DOCTOR_WARNING : DOCTOR_PROBLEM, DOCTOR_INSTANCE, "",
			"%u instances whose tag Name is that of an appliance in %s: name one by --instance",
			f.count, session_names()->region);
		return;
	}
	bool running = !strcmp(f.state, "running");
	doctor_tell(running ? DOCTOR_OK : DOCTOR_PROBLEM, DOCTOR_INSTANCE, d->instance, "%s", f.state);
	bool strict = !strcmp(f.tokens, "required") && !strcmp(f.hops, "1");
	doctor_tell(strict ? DOCTOR_OK : DOCTOR_WARNING, DOCTOR_METADATA, d->instance,
		    "tokens %s, hop limit %s", *f.tokens ? f.tokens : "optional",
		    *f.hops ? f.hops : "unknown");
	look_at_interfaces(d);
}

/* Base64, perhaps in lines. */
static enum err decode(struct buf *encoded, struct buf *out)
{
	size_t n = 0;
	for (size_t i = 0; i < encoded->len; i++)
		if (encoded->p[i] > ' ')
			encoded->p[n++] = encoded->p[i];
	TRY(text_read_base64(span_of(encoded->p, n), out));
	return buf_err(out);
}

/* ---- configuration */

/* Line n of the text, from 1, becomes a comment. */
static void blank_line(uint8_t *text, size_t len, unsigned n)
{
	size_t at = 0;
	for (unsigned line = 1; line < n && at < len; at++)
		line += text[at] == '\n';
	for (; at < len && text[at] != '\n'; at++)
		text[at] = '#';
}

/* Asked again without each line that is blamed: what is right is still used. */
static void take_settings(struct doctor *d, uint8_t *text, size_t len)
{
	struct conf_error at;
	enum err e = ERR_SYNTAX;
	unsigned wrong = 0;
	for (; wrong <= MISTAKES_MAX; wrong++) {
		e = conf_read(span_of(text, len), &d->settings, &at);
		if (!e)
			break;
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_USER_DATA, d->instance, "line %u: %s%s%s%s%s", at.line,
			    at.key, *at.key ? ": " : "", err_text(e), *at.text ? ": " : "", at.text);
		if (!at.line)
			return;
		blank_line(text, len, at.line);
	}
	if (e)
		return;
	d->has_settings = true;
	snprintf(d->bucket, sizeof(d->bucket), "%s", d->settings.s3_bucket);
	snprintf(d->bucket_region, sizeof(d->bucket_region), "%s", d->settings.s3_region);
	snprintf(d->key, sizeof(d->key), "%s", d->settings.kms_key);
	if (!wrong)
		doctor_tell(DOCTOR_OK, DOCTOR_USER_DATA, d->instance, "a configuration without mistakes");
}

void doctor_user_data(struct doctor *d)
{
	static char base64[2 * CONF_MAX_BYTES];
	static uint8_t text[CONF_MAX_BYTES + 4];
	struct buf encoded = BUF_OF(base64), decoded = BUF_OF(text);
	struct call c;
	const char *const pairs[] = {"InstanceId", d->instance, "Attribute", "userData", NULL};
	if (doctor_query("ec2", "DescribeInstanceAttribute", pairs, &c)) {
		doctor_unknown(DOCTOR_USER_DATA, d->instance, "ec2:DescribeInstanceAttribute", &c);
		return;
	}
	enum err e = xml_find_text(c.answer, "DescribeInstanceAttributeResponse/userData/value", &encoded);
	if (!e)
		e = decode(&encoded, &decoded);
	if (e == ERR_MISSING || (!e && !decoded.len))
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_USER_DATA, d->instance,
			    "there is none: no bucket and no key are named");
	else if (e)
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_USER_DATA, d->instance, "it can't be read: %s",
			    err_text(e));
	else
		take_settings(d, text, decoded.len);
}

/* ---- console */

/* The last line that is a verdict, without its "sealtap: ". */
static struct span last_verdict(struct span text)
{
	struct span verdict = SPAN("");
	while (text.len) {
		struct span line = span_cut(&text, '\n');
		while (line.len && line.p[line.len - 1] == '\r')
			line.len--;
		for (; line.len && !span_starts(line, SPAN("sealtap: ")); line = span_from(line, 1))
			continue;
		line = span_from(line, 9);
		if (span_eq(line, SPAN("ARMED")) || span_starts(line, SPAN("CLOSED")))
			verdict = line;
	}
	return verdict;
}

void doctor_verdict(const struct doctor *d)
{
	static char base64[128 * 1024];
	static uint8_t text[96 * 1024];
	struct buf encoded = BUF_OF(base64), decoded = BUF_OF(text);
	struct call c;
	char shown[160];
	const char *const pairs[] = {"InstanceId", d->instance, "Latest", "true", NULL};
	enum err e = doctor_query("ec2", "GetConsoleOutput", pairs, &c);
	if (e) {
		doctor_unknown(DOCTOR_VERDICT, d->instance, "ec2:GetConsoleOutput", &c);
		return;
	}
	e = xml_find_text(c.answer, "GetConsoleOutputResponse/output", &encoded);
	if (!e)
		e = decode(&encoded, &decoded);
	text_printable_str(last_verdict(buf_span(&decoded)), shown, sizeof(shown));
	bool armed = !strcmp(shown, "ARMED");
	if (*shown)
		doctor_tell(armed ? DOCTOR_OK : DOCTOR_PROBLEM, DOCTOR_VERDICT, d->instance, "%s", shown);
	else
		doctor_tell(DOCTOR_WARNING, DOCTOR_VERDICT, d->instance, "none in the console's output%s%s",
			    e ? ": " : "", e ? err_text(e) : "");
}
