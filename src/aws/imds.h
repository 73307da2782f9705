/* imds: asks the instance metadata service, version 2, for all that a boot needs, and later for new
 * credentials and for notices that the instance has to go. Sans I/O.
 *
 * The caller sends what imds_next() writes to IMDS_ADDR:IMDS_PORT and hands the answer to imds_answer(),
 * until imds_next() says there is no more. After an error the machine stays at the request that failed (at
 * the list of interfaces when that named no primary one): the caller waits (backing off) and asks imds_next()
 * again; m->step and imds_step_text() say what failed for the verdict line, m->detail what the service said.
 *
 * Order of a boot: token, identity document, partition, domain, interface list, each interface's values, user
 * data, role name, credentials; of IMDS_LINKS: the interface list and each interface's values. A token lasts
 * six hours; it is renewed before it ends, and when the service says that it does not know it (401).
 *
 * Sources: EC2 user guide, "Instance metadata", "Spot Instance interruption notices", "Rebalance
 * recommendations"; EC2 Auto Scaling user guide, "Retrieve the target lifecycle state".
 */
#ifndef SEALTAP_AWS_IMDS_H
#define SEALTAP_AWS_IMDS_H

#include "aws/creds.h"
#include "base/ip.h"

#define IMDS_ADDR 0xa9fea9feu /* 169.254.169.254, host order */
/* fd00:ec2::254, the same service, where IPv6 is enabled for it; initialises a struct ip. */
#define IMDS_ADDR6                                                       \
	{                                                                \
		{                                                        \
			0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54 \
		}                                                        \
	}
#define IMDS_PORT 80
#define IMDS_LINKS_MAX 8
/* Of one interface; what there is beyond is left out, and link.left_out counts it. */
#define IMDS_ADDRS_MAX 16
#define IMDS_ADDRS6_MAX 8
#define IMDS_NETS_MAX 8
#define IMDS_USER_DATA_MAX 16384
#define IMDS_BODY_MAX 16384   /* longest answer to be read */
#define IMDS_REQUEST_MAX 1024 /* longest request written */

enum imds_goal { IMDS_BOOT, IMDS_CREDENTIALS, IMDS_NOTICES, IMDS_LINKS, IMDS_GOALS };

enum imds_step {
	IMDS_TOKEN,
	IMDS_IDENTITY,
	IMDS_PARTITION,
	IMDS_DOMAIN,
	IMDS_LINK_LIST,
	IMDS_LINK_NUMBER,
	IMDS_LINK_ENI,
	IMDS_LINK_ADDRESS,
	IMDS_LINK_SUBNET,
	IMDS_LINK_VPC_NETS,
	IMDS_LINK_ADDRESS6,
	IMDS_LINK_SUBNET6,
	IMDS_LINK_VPC_NETS6,
	IMDS_LINK_VPC,
	IMDS_USER_DATA,
	IMDS_ROLE,
	IMDS_ROLE_CREDENTIALS,
	IMDS_DONE,
	IMDS_SPOT,
	IMDS_REBALANCE,
	IMDS_LIFECYCLE,
};

struct imds_link {
	uint8_t mac[6];
	uint32_t device_number;
	char eni[32];
	char vpc[32];
	uint32_t addr_count, addr[IMDS_ADDRS_MAX]; /* private IPv4 addresses, host order; the primary first */
	uint32_t subnet;                           /* host order; host bits zero */
	uint32_t prefix_len;
	uint32_t addr6_count;
	struct ip addr6[IMDS_ADDRS6_MAX];
	uint32_t subnet6_count, vpc_count;
	struct ip_net subnet6[IMDS_NETS_MAX]; /* IPv6 */
	struct ip_net vpc_net[IMDS_NETS_MAX]; /* networks of its VPC, of both families */
	uint32_t left_out;                    /* addresses and networks for which there was no room */
};

/* Strings are terminated. */
struct imds_result {
	char account[16];
	char region[32];
	char zone[32];
	char instance[32];
	char ami[32];
	char vpc[32];       /* of device number 0 */
	char partition[32]; /* "aws"; empty: not told */
	char domain[64];    /* "amazonaws.com"; empty: not told */
	uint32_t link_count;
	struct imds_link link[IMDS_LINKS_MAX];
	uint32_t user_data_len; /* 0: none */
	uint8_t user_data[IMDS_USER_DATA_MAX];
	char role[129];
	struct aws_credentials creds; /* secret */
	char notice[96]; /* why the instance has to go: "spot interruption: stop at ..."; empty: it has not */
};

struct imds {
	struct imds_result result;
	enum imds_step step;   /* the request to be answered next */
	enum imds_step resume; /* where to go on after a new token */
	uint32_t link;         /* index of the interface being asked about */
	bool links_only;       /* the goal is IMDS_LINKS */
	bool renewed;          /* the token was renewed for this step already */
	char token[257];       /* secret; empty: none */
	uint64_t now_ns;       /* when this goal was begun */
	uint64_t token_ns;     /* when the goal was begun for which the token was asked */
	char detail[64];       /* after an error: what the service said; may be empty */
};

/* IMDS_BOOT forgets everything. IMDS_LINKS forgets the interfaces, and they are whole again only when it is
 * done. The others keep the results and the token, while it lasts: the old credentials stay until new ones
 * were read whole. now_ns is monotonic. */
void imds_begin(struct imds *m, enum imds_goal goal, uint64_t now_ns);
/* Appends the next request, complete; false when all is known. */
bool imds_next(const struct imds *m, struct buf *request);
/* ERR_OK: go on with imds_next(). ERR_DENIED 403 (IMDS is disabled) or 401 twice, ERR_NOT_FOUND 404 (not for
 * user data: none), ERR_THROTTLED 429, ERR_SERVICE other statuses, ERR_REFUSED credentials with a Code that
 * is not "Success", or what is wrong with the body. */
enum err imds_answer(struct imds *m, unsigned status, struct span body) MUST_USE;
/* "role's credentials", static. */
const char *imds_step_text(enum imds_step step);

#endif
