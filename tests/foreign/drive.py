"""Drives a referral from Shanghai to Qingdao and watches the timeline, with nothing but grpcio.

Called with one argument, a JSON object: proto (the folder), out (where stubs go), urls by region,
and callers (person, organization, role), desks (organization_id, desk_id) by code. Prints what it
saw as one JSON object.
"""

import json
import os
import queue
import sys
import threading
import time
import uuid

import grpc
from grpc_tools import protoc

config = json.loads(sys.argv[1])


def generate_stubs():
    """The contract as Python, generated like any integrator would."""
    files = []
    for folder, _, names in os.walk(config["proto"]):
        files += [os.path.join(folder, name) for name in names if name.endswith(".proto")]
    os.makedirs(config["out"], exist_ok=True)
    include = os.path.join(os.path.dirname(protoc.__file__), "_proto")
    arguments = ["protoc", "-I", config["proto"], "-I", include]
    arguments += [f"--python_out={config['out']}", f"--grpc_python_out={config['out']}"]
    if protoc.main(arguments + files) != 0:
        sys.exit("the contract does not compile")
    sys.path.insert(0, config["out"])


generate_stubs()

from liandong.intake.v1 import contact_pb2, intake_pb2, intake_pb2_grpc, terms_pb2  # noqa: E402
from liandong.referral.v1 import referral_pb2, referral_pb2_grpc  # noqa: E402
from liandong.timeline.v1 import timeline_pb2, timeline_pb2_grpc  # noqa: E402
from liandong.types.v1 import command_pb2, terms_pb2 as types_pb2  # noqa: E402

channels = {region: grpc.insecure_channel(url) for region, url in config["urls"].items()}


def request_id():
    """A UUID of version 7 (RFC 9562): milliseconds, then chance."""
    millis = time.time_ns() // 1_000_000
    chance = uuid.uuid4().int
    value = (millis << 80) | (0x7 << 76) | ((chance & 0xFFF) << 64) | (0b10 << 62)
    return str(uuid.UUID(int=value | (chance >> 66)))


def meta():
    return command_pb2.CommandMeta(request_id=request_id())


def acting(code):
    caller = config["callers"][code]
    return [
        ("liandong-person", caller["person"]),
        ("liandong-organization", caller["organization"]),
        ("liandong-role", caller["role"]),
    ]


def party(code):
    desk = config["desks"][code]
    return command_pb2.Party(
        organization_id=desk["organization_id"], desk_id=desk["desk_id"]
    )


class Watch:
    """Everything the timeline tells, as it comes."""

    def __init__(self, region, code):
        stub = timeline_pb2_grpc.TimelineServiceStub(channels[region])
        self.call = stub.WatchTimeline(
            timeline_pb2.WatchTimelineRequest(), metadata=acting(code)
        )
        self.seen, self.came = [], queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            for message in self.call:
                if message.WhichOneof("payload") == "entry":
                    self.came.put(message.entry)
        except grpc.RpcError:
            pass  # cancelled at the end

    def until(self, region, event_type):
        for entry in self.seen:
            if (entry.region, entry.event_type) == (region, event_type):
                return entry
        while True:
            entry = self.came.get(timeout=30)
            self.seen.append(entry)
            if (entry.region, entry.event_type) == (region, event_type):
                return entry


watch = Watch("100000", "central-auditor")
intake = intake_pb2_grpc.IntakeServiceStub(channels["310000"])
shanghai = referral_pb2_grpc.ReferralServiceStub(channels["310000"])
qingdao = referral_pb2_grpc.ReferralServiceStub(channels["370200"])

worker = acting("sh-worker")
recorded = intake.RecordContact(
    intake_pb2.RecordContactRequest(
        meta=meta(),
        desk_id=config["desks"]["sh-12355"]["desk_id"],
        channel=terms_pb2.CHANNEL_PHONE,
        line=terms_pb2.LINE_YOUTH_HOTLINE,
        caller_role=terms_pb2.CALLER_ROLE_PEER,
        concern=contact_pb2.Concern(
            subject=contact_pb2.Subject(
                age_band=terms_pb2.AGE_BAND_FOURTEEN_TO_SEVENTEEN, lives_in="370200"
            ),
            narrative="a friend is in danger",
        ),
    ),
    metadata=worker,
).result
intake.TriageIntake(
    intake_pb2.TriageIntakeRequest(
        meta=meta(),
        intake_id=recorded.id,
        assessment=contact_pb2.Assessment(
            case_type=types_pb2.CASE_TYPE_PSYCHOLOGICAL_SUPPORT,
            subtype=terms_pb2.SUBTYPE_SUICIDE_IDEATION,
            risk=types_pb2.RISK_LEVEL_HIGH,
            reasons=[terms_pb2.RISK_REASON_PLAN_OR_MEANS],
            summary="a friend is in danger",
        ),
    ),
    metadata=worker,
)
intake.OpenCase(
    intake_pb2.OpenCaseRequest(meta=meta(), intake_id=recorded.id), metadata=worker
)
watch.until("310000", "referral.CustodyOpened")

draft = referral_pb2.DraftReferralRequest(
    meta=meta(),
    case_id=recorded.case_id,
    to=party("qd-12355"),
    case_type=types_pb2.CASE_TYPE_PSYCHOLOGICAL_SUPPORT,
    risk=types_pb2.RISK_LEVEL_HIGH,
    summary="a friend is in danger",
)
# `from` is a word of Python's own.
getattr(draft, "from").CopyFrom(party("sh-12355"))
drafted = shanghai.DraftReferral(draft, metadata=worker).result
again = shanghai.DraftReferral(draft, metadata=worker).result
shanghai.SubmitReferral(
    referral_pb2.SubmitReferralRequest(
        meta=meta(),
        referral_id=drafted.id,
        basis=types_pb2.DISCLOSURE_BASIS_EMERGENCY,
        reason="life in danger",
    ),
    metadata=worker,
)
dispatch = referral_pb2.DispatchReferralRequest(meta=meta(), referral_id=drafted.id)
try:
    shanghai.DispatchReferral(dispatch, metadata=worker)
    refused = "nobody refused it"
except grpc.RpcError as error:
    refused = error.code().name
dispatch.meta.request_id = request_id()
shanghai.DispatchReferral(dispatch, metadata=acting("sh-supervisor"))

assigned = watch.until("370200", "referral.Assigned")
assignment = assigned.stream.split("/")[1]
qingdao.ReceiveAssignment(
    referral_pb2.ReceiveAssignmentRequest(meta=meta(), assignment_id=assignment),
    metadata=acting("qd-worker"),
)
qingdao.AcceptAssignment(
    referral_pb2.AcceptAssignmentRequest(meta=meta(), assignment_id=assignment),
    metadata=acting("qd-authorised"),
)
taken = watch.until("370200", "referral.CustodyTaken")
watch.until("370200", "caseteam.TeamFormed")
watch.call.cancel()

print(
    json.dumps(
        {
            "case_id": recorded.case_id,
            "repeated": [drafted.repeated, again.repeated, drafted.id == again.id],
            "refused": refused,
            "taken_zh": taken.text_zh,
            "events": [entry.event_type for entry in watch.seen],
        }
    )
)
