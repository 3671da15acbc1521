//! The words of a hop: its states, the commands that move it, the places from which they are given.

use crate::values::terms;

terms! {
    /// Where a hop stands. One state per hop, folded from its two aggregates.
    pub enum HopState {
        Draft => "拟转介",
        Submitted => "待审核",
        /// The clock runs from here on.
        Dispatched => "已派单",
        Received => "已签收",
        /// The clock pauses, once.
        InfoRequested => "待补充",
        Accepted => "受理",
        InProgress => "办理中",
        ReturnProposed => "申请退单",
        Returned => "退回",
        /// Sent on: the child hop carries the request from here.
        ReferredOnward => "再转介",
        CancellationRequested => "申请撤销",
        Cancelled => "已撤销",
        Expired => "超时提级",
    }
}

impl HopState {
    /// The status of a FHIR R5 `Task` (hl7.org/fhir/task.html) that says the same to other systems.
    pub fn fhir(self) -> &'static str {
        match self {
            Self::Draft | Self::Submitted => "draft",
            Self::Dispatched | Self::Expired => "requested",
            Self::Received | Self::InfoRequested | Self::ReturnProposed => "received",
            Self::Accepted => "accepted",
            Self::InProgress => "in-progress",
            Self::Returned => "rejected",
            Self::ReferredOnward => "completed",
            Self::CancellationRequested => "on-hold",
            Self::Cancelled => "cancelled",
        }
    }
}

terms! {
    /// What moves a hop.
    pub enum HopCommand {
        Draft => "拟制转介",
        Submit => "提交审核",
        RefuseSubmission => "审核不通过",
        Dispatch => "派单",
        /// A hop that the system makes and dispatches because another one expired.
        Escalate => "提级派单",
        Cancel => "撤销",
        RequestCancellation => "申请撤销",
        SupplyInformation => "补充信息",
        UpholdReturn => "同意退单",
        Expire => "超时处置",
        /// The system takes back a hop that is no longer wanted.
        Withdraw => "收回",
        /// The system ends a hop of which nothing can come: the custody it asks for went elsewhere.
        Lapse => "失效",
        Receive => "签收",
        RequestInformation => "要求补充信息",
        Accept => "受理",
        ReferOnward => "再转介",
        ProposeReturn => "申请退单",
        ConfirmCancellation => "同意撤销",
        DeclineCancellation => "不同意撤销",
        StartWork => "开始办理",
        /// The information did not come in time: the clock runs on without it.
        EndPause => "结束等待",
        /// The custodian gave custody elsewhere, or the hop was cancelled before the acceptance.
        Void => "受理失效",
    }
}

impl HopCommand {
    /// Whether it is given to the sender's aggregate; else to the receiver's.
    pub fn is_senders(self) -> bool {
        match self {
            Self::Draft
            | Self::Submit
            | Self::RefuseSubmission
            | Self::Dispatch
            | Self::Escalate
            | Self::Cancel
            | Self::RequestCancellation
            | Self::SupplyInformation
            | Self::UpholdReturn
            | Self::Expire
            | Self::Withdraw
            | Self::Lapse => true,
            Self::Receive
            | Self::RequestInformation
            | Self::Accept
            | Self::ReferOnward
            | Self::ProposeReturn
            | Self::ConfirmCancellation
            | Self::DeclineCancellation
            | Self::StartWork
            | Self::EndPause
            | Self::Void => false,
        }
    }
}

terms! {
    /// Who gives a command: the organization's place in the hop and the person's directory role.
    pub enum HopRole {
        SenderWorker => "转出方工作人员",
        SenderSupervisor => "转出方督导",
        /// A committee that passes on what it receives.
        Relay => "中转方",
        ReceiverWorker => "承办方工作人员",
        ReceiverAuthorised => "承办方授权负责人",
        /// Someone outside the handling unit.
        Visitor => "回访员",
        System => "系统规则",
    }
}

terms! {
    /// Why a receiver wants to give a hop back.
    pub enum ReturnCode {
        NotOurDuty => "不属职责",
        NotOurArea => "不属辖区",
        AlreadyHandled => "已在办",
        InsufficientInfo => "信息不足",
        NoCapacity => "能力已满",
        ConflictOfInterest => "回避",
        ChildMoved => "已迁出",
        Duplicate => "重复",
        LegalBar => "法律限制",
    }
}

terms! {
    /// Why the custodian did not give custody to an acceptance.
    pub enum VoidReason {
        /// The cancellation of the hop stood in the custodian's log first.
        CancelledFirst => "撤销在先",
        /// Another acceptance stood in the custodian's log first.
        AcceptedElsewhere => "已由其他单位受理在先",
        /// Whoever asked for it never became the custodian.
        NeverCustodian => "转出方未取得管护责任",
    }
}

terms! {
    /// Why the system takes back a hop.
    pub enum WithdrawalReason {
        /// The hop that it carries on was cancelled.
        ParentCancelled => "上一环节已撤销",
        /// The hop that it carries on went to somebody else before this one was sent.
        ParentExpired => "上一环节已超时提级",
        /// The custody that it asks for went to somebody else, or never was.
        CustodyGone => "管护责任已移交其他单位",
    }
}
