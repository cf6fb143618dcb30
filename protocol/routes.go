package protocol

// PermPublic marks a route that asks for no credential: it shows nothing that is not in the source,
// or it is where a credential is brought.
const PermPublic = "public"

// RoutePermission says what each route needs: any one of those listed. A route that is missing here
// is not served.
var RoutePermission = map[string][]string{
	"GET /":             {PermPublic}, // the page itself: it holds nothing, and asks the API below
	"GET /openapi.json": {PermPublic},

	"GET /docs":           {PermPublic}, // the documentation, as in the source
	"GET /docs/{page...}": {PermPublic},

	"GET /healthz": {PermPublic},
	"GET /readyz":  {PermPublic},

	"GET /api/schemas/agent.json": {PermPublic}, // editors have no credential

	"GET /login":        {PermPublic}, // brings a ticket
	"POST /login":       {PermPublic}, // brings a token
	"POST /logout":      {PermPublic}, // ends the session that comes with it, if any
	"GET /api/session":  {PermNone},
	"POST /api/tickets": {PermNone},

	// Credentials are the owner's to give: whoever makes one decides who else comes in.
	"GET /api/keys":         {PermAdmin},
	"POST /api/keys":        {PermAdmin},
	"DELETE /api/keys/{id}": {PermAdmin},

	// A secret's value reaches agents alone; who may set one decides what agents act with.
	"GET /api/secrets":           {PermAdmin},
	"POST /api/secrets":          {PermAdmin},
	"DELETE /api/secrets/{name}": {PermAdmin},

	"GET /api/agents":        {PermExecute, PermRead},
	"GET /api/agents/{name}": {PermExecute, PermRead},

	"GET /api/executions":                {PermRead},
	"POST /api/executions":               {PermExecute},
	"GET /api/executions/{id}":           {PermRead},
	"POST /api/executions/{id}/cancel":   {PermCancel},
	"POST /api/executions/cancel":        {PermCancel},
	"POST /api/executions/{id}/input":    {PermInput, PermApprove},
	"PUT /api/executions/{id}/pin":       {PermCancel}, // as a cancellation, it decides about executions of others
	"DELETE /api/executions/{id}/pin":    {PermCancel},
	"GET /api/executions/{id}/events":    {PermRead},
	"GET /api/executions/{id}/log":       {PermRead},
	"GET /api/executions/{id}/search":    {PermRead},
	"GET /api/search":                    {PermRead},
	"GET /api/retention":                 {PermRead}, // what is to go can be seen by whoever can see it now
	"POST /api/retention":                {PermAdmin},
	"GET /api/costs":                     {PermCosts},
	"GET /api/budgets":                   {PermCosts},
	"PUT /api/budgets":                   {PermAdmin},
	"GET /api/system":                    {PermSystem},
	"POST /api/executions/{id}/continue": {PermExecute},
	"GET /api/approvals":                 {PermRead, PermApprove},

	"GET /api/notifications":       {PermAdmin}, // addresses of people
	"PUT /api/notifications":       {PermAdmin},
	"POST /api/notifications/test": {PermAdmin},

	"GET /api/schedules":                     {PermExecute, PermRead},
	"GET /api/schedules/occurrences":         {PermExecute, PermRead},
	"GET /api/schedules/preview":             {PermExecute, PermRead},
	"POST /api/schedules/{agent}/{n}/pause":  {PermExecute}, // who may start an agent may keep it from being started
	"POST /api/schedules/{agent}/{n}/resume": {PermExecute},
	"POST /api/schedules/{agent}/{n}/run":    {PermExecute},

	// The live transports: what a message needs stands in MessagePermission. The WebSocket may be
	// opened without a credential, which then must come as the first message.
	"GET /api/ws":        {PermPublic},
	"GET /api/events":    {PermNone},
	"GET /api/poll":      {PermNone},
	"POST /api/messages": {PermNone},

	// The Model Context Protocol: each tool is one of the requests above, with its rule.
	"POST /mcp": {PermNone},

	// What the program itself does, for whoever looks for a leak or a hot spot.
	"GET /debug/pprof/": {PermAdmin},
	"GET /metrics":      {PermSystem},
}
