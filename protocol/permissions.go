package protocol

// Permissions a credential can hold. Admin implies the others.
const (
	PermExecute = "agents:execute"
	PermRead    = "executions:read"
	PermCancel  = "executions:cancel"
	PermSystem  = "system:read"
	PermAdmin   = "admin"
)

// Permissions lists every permission.
var Permissions = []string{PermExecute, PermRead, PermCancel, PermSystem, PermAdmin}

// PermNone marks a message that any authenticated caller may send.
const PermNone = "-"

// MessagePermission says what each client message needs. A type that is missing here is refused.
var MessagePermission = map[string]string{
	TypeAuth:                  PermNone,
	TypePing:                  PermNone,
	TypeExecute:               PermExecute,
	TypeCancel:                PermCancel,
	TypeInput:                 PermExecute,
	TypeStatus:                PermRead,
	TypeLogsSubscribe:         PermRead,
	TypeLogsUnsubscribe:       PermRead,
	TypeLogsSearch:            PermRead,
	TypeExecutionsSubscribe:   PermRead,
	TypeExecutionsUnsubscribe: PermRead,
	TypeSystemSubscribe:       PermSystem,
	TypeSystemUnsubscribe:     PermSystem,
}
