/* Security groups of the appliance's interfaces. */
#include <stdio.h>
#include <string.h>

#include "aws/rows.h"
#include "base/text.h"
#include "cli/doctor.h"

#define GROUP "DescribeSecurityGroupsResponse/securityGroupInfo/item/"
#define PERMISSIONS_MAX 8192

/* What the groups of the answer are open for, to every IPv4 address. */
static struct {
	bool in_all, out_all, out_https;
	bool out; /* the list that is being read */
	/* by the permission's number in the answer */
	bool all[PERMISSIONS_MAX], https[PERMISSIONS_MAX];
} g;

/* A permission's protocol and ports, and the ranges that are in it: numbered by the same elements. */
static const struct rows_list permission_rows[] = {
	{.group_depth = 4,
	 .row_depth = 4,
	 .count = 3,
	 .column = {GROUP "ipPermissions/item/ipProtocol", GROUP "ipPermissions/item/fromPort",
		    GROUP "ipPermissions/item/toPort"}},
	{.group_depth = 4,
	 .row_depth = 4,
	 .count = 3,
	 .column = {GROUP "ipPermissionsEgress/item/ipProtocol", GROUP "ipPermissionsEgress/item/fromPort",
		    GROUP "ipPermissionsEgress/item/toPort"}},
};
static const struct rows_list range_rows[] = {
	{.group_depth = 4,
	 .row_depth = 6,
	 .count = 1,
	 .column = {GROUP "ipPermissions/item/ipRanges/item/cidrIp"}},
	{.group_depth = 4,
	 .row_depth = 6,
	 .count = 1,
	 .column = {GROUP "ipPermissionsEgress/item/ipRanges/item/cidrIp"}},
};

static void on_permission(void *arg, unsigned n, const char *const *v)
{
	uint64_t from, to;
	(void)arg;
	if (n >= PERMISSIONS_MAX)
		return;
	bool ports = !text_read_u64(span_str(v[1]), UINT16_MAX, &from) &&
		     !text_read_u64(span_str(v[2]), UINT16_MAX, &to);
	g.all[n] = !strcmp(v[0], "-1");
	g.https[n] = g.all[n] || (!strcmp(v[0], "tcp") && ports && from <= 443 && to >= 443);
}

static void on_range(void *arg, unsigned n, const char *const *v)
{
	(void)arg;
	if (n >= PERMISSIONS_MAX || strcmp(v[0], "0.0.0.0/0") != 0)
		return;
	g.in_all = g.in_all || (!g.out && g.all[n]);
	g.out_all = g.out_all || (g.out && g.all[n]);
	g.out_https = g.out_https || (g.out && g.https[n]);
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
	for (unsigned way = 0; way < 2; way++) {
		g.out = way;
		TRY(c->error = rows_read(c->answer, &permission_rows[way], on_permission, NULL));
		TRY(c->error = rows_read(c->answer, &range_rows[way], on_range, NULL));
	}
	return ERR_OK;
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
	const char *out = g.out_all ? "all" : g.out_https ? "HTTPS alone" : "not even HTTPS";
	if (inside && !(g.in_all && g.out_all))
		doctor_tell(g.in_all ? DOCTOR_WARNING : DOCTOR_PROBLEM, DOCTOR_GROUPS, i->id,
			    "inside: %s comes in, %s goes out", g.in_all ? "all" : "not all", out);
	else if (inside)
		doctor_tell(DOCTOR_OK, DOCTOR_GROUPS, i->id, "inside: open both ways");
	else if (device == 0 && !g.out_all)
		doctor_tell(g.out_https ? DOCTOR_WARNING : DOCTOR_PROBLEM, DOCTOR_GROUPS, i->id,
			    "outside: %s goes out", out);
	else if (!g.out_https)
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
