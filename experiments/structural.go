package experiments

// A claim about structure has no ratio: a test decides it, in every run of the tests.

// Test names a test function of this module.
type Test struct {
	File string // from the module's root
	Name string
}

// StructuralClaim is a claim that tests decide: it is reproduced while they pass.
type StructuralClaim struct {
	ID    string
	Tests []Test
}

// StructuralClaims lists the claims that tests decide, in the register's order.
var StructuralClaims = []StructuralClaim{
	{"K1", []Test{
		{"models/conformance_test.go", "TestCensusMatchesTheDocumentsTable"},
		{"models/conformance_test.go", "TestFullQueueLosesNothing"},
		{"models/thread_io_test.go", "TestQueueLengthsAreTold"},
	}},
	{"K2", []Test{{"models/conformance_test.go", "TestCallbacksComeInRequestOrderAfterSending"}}},
	{"K5", []Test{
		{"cmd/c10klab/kafkatools_test.go", "TestKafkasToolsReadTheLog"},
		{"cmd/c10klab/kcat_test.go", "TestKcatReadsBackWhatItProduced"},
	}},
	{"M7", []Test{
		{"internal/broker/order_test.go", "TestPipelinedClientsGetAnswersInOrder"},
		{"models/conformance_test.go", "TestPipelinedRequestsAreAnsweredInOrder"},
		{"models/conformance_test.go", "TestSeveralInFlightAreAnsweredInOrder"},
		{"models/conformance_test.go", "TestHandlersThatWriteKeepOrder"},
	}},
}
