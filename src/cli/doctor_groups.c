/* Security groups of the appliance's interfaces. */
#include <stdio.h>
#include <string.h>

#include "aws/rows.h"
#include "cli/doctor.h"

#define GROUP "DescribeSecurityGroupsResponse/securityGroupInfo/item/"
#define GROUPS_MAX 32

/* What the groups of the answer are open for, to every IPv4 address. */
static struct {
	char id[GROUPS_MAX][64];
	bool in_all[GROUPS_MAX], out_all[GROUPS_MAX], out_https[GROUPS_MAX];
	bool out; /* the list that is being read */
} g;

static const struct rows_list group_rows = {
	.group_depth = 2, .row_depth = 2, .count = 1, .column = {GROUP "groupId"}};
/* A permission is read whole: an answer in which its ranges are more than one keeps the first alone. */
static const struct rows_list rule_rows[] = {
	{.group_depth = 2,
	 .row_depth = 4,
	 .count = 4,
	 .column = {GROUP "ipPermissions/item/ipProtocol", GROUP "ipPermissions/item/ipRanges/item/cidrIp",
		    GROUP "ipPermissions/item/fromPort", GROUP "ipPermissions/item/toPort"}},
	{.group_depth = 2,
	 .row_depth = 4,
	 .count = 4,
	 .column = {GROUP "ipPermissionsEgress/item/ipProtocol",
		    GROUP "ipPermissionsEgress/item/ipRanges/item/cidrIp",
		    GROUP "ipPermissionsEgress/item/fromPort", GROUP "ipPermissionsEgress/item/toPort"}},
};

static void on_group(void *arg, unsigned group, const char *const *v)
{
	(void)arg;
	if (group < GROUPS_MAX)
		snprintf(g.id[group], sizeof(g.id[0]), "%s", v[0]);
}

static void on_rule(void *arg, unsigned group, const char *const *v)
{
	(void)arg;
	bool any = strstr(v[1], "0.0.0.0/0") != NULL, all = any && !strcmp(v[0], "-1");
	if (group >= GROUPS_MAX)
		return;
	if (!g.out) {
		g.in_all[group] = g.in_all[group] || all;
		return;
	}
	g.out_all[group] = g.out_all[group] || all;
	g.out_https[group] =
		g.out_https[group] || all || (any && !strcmp(v[0], "tcp") && !strcmp(v[2], "443"));
}

static enum err ask(const struct doctor_interface *i, struct call *c)
{
	char names[DOCTOR_GROUPS_MAX][24];
	const char *pairs[2 * DOCTOR_GROUPS_MAX + 1];
	for (unsigned n = 0; n < i->groups; n++) {
		snprintf(names[n], sizeof(names[n]), "GroupId.%u", n + 1);
		pairs[2 * n] = names[n];
		pairs[2 * n + 1] = i->group[n];
	}
	pairs[2 * i->groups] = NULL;
	memset(&g, 0, sizeof(g));
	TRY(doctor_query("ec2", "DescribeSecurityGroups", pairs, c));
	TRY(c->error = rows_read(c->answer, &group_rows, on_group, NULL));
	for (g.out = false;; g.out = true) {
		TRY(c->error = rows_read(c->answer, &rule_rows[g.out], on_rule, NULL));
		if (g.out)
			return ERR_OK;
	}
}

static bool any(const bool *of)
{
	for (unsigned i = 0; i < GROUPS_MAX; i++)
		if (of[i])
			return true;
	return false;
}

static void look(const struct doctor_interface *i, unsigned device)
{
	struct call c;
	if (!i->there || !i->groups)
		return;
	if (ask(i, &c)) {
		doctor_unknown(DOCTOR_GROUPS, i->id, "ec2:DescribeSecurityGroups", &c);
		return;
	}
	bool inside = device == 1;
	const char *out = any(g.out_all) ? "all" : any(g.out_https) ? "HTTPS alone" : "not even HTTPS";
	if (inside && !(any(g.in_all) && any(g.out_all)))
		doctor_tell(any(g.in_all) ? DOCTOR_WARNING : DOCTOR_PROBLEM, DOCTOR_GROUPS, i->id,
			    "inside: %s comes in, %s goes out", any(g.in_all) ? "all" : "not all", out);
	else if (inside)
		doctor_tell(DOCTOR_OK, DOCTOR_GROUPS, i->id, "inside: open both ways");
	else if (device == 0 && !any(g.out_all))
		doctor_tell(any(g.out_https) ? DOCTOR_WARNING : DOCTOR_PROBLEM, DOCTOR_GROUPS, i->id,
			    "outside: %s goes out", out);
	else if (!any(g.out_https))
		doctor_tell(DOCTOR_PROBLEM, DOCTOR_GROUPS, i->id, "evidence: %s goes out", out);
	else
		doctor_tell(DOCTOR_OK, DOCTOR_GROUPS, i->id, "%s: %s goes out",
			    device ? "evidence" : "outside", out);
}

void doctor_groups(const struct doctor *d)
{
	for (unsigned n = 0; n < 3; n++)
		look(&d->interface[n], n);
}
