package pubsub_test

import (
	"fmt"

	"github.com/larderdb/larder/internal/pubsub"
)

type printer struct{ name string }

func (p printer) Receive(m *pubsub.Message) {
	fmt.Printf("%s: %s on %s (%q)\n", p.name, m.Payload, m.Channel, m.Pattern)
}

func Example() {
	var hub pubsub.Hub
	ann, bob := hub.NewSubscriber(printer{"ann"}), hub.NewSubscriber(printer{"bob"})
	ann.Subscribe(pubsub.Channel, "news.sport", func() {})
	bob.Subscribe(pubsub.Pattern, "news.*", func() {})
	fmt.Println(hub.Publish("news.sport", "4:1"))

	ann.Close()
	fmt.Println(hub.Publish("news.sport", "5:1"))
	// Output:
	// ann: 4:1 on news.sport ("")
	// bob: 4:1 on news.sport ("news.*")
	// 2
	// bob: 5:1 on news.sport ("news.*")
	// 1
}
