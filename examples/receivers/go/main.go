// Receives webhooks, and answers 401 to those that Posthorn did not send.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// No body that Posthorn sends is longer.
const maxBytes = 1 << 20

func main() {
	webhook, err := standardwebhooks.NewWebhook(os.Getenv("WEBHOOK_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hooks", func(response http.ResponseWriter, request *http.Request) {
		// The body as it came: what is signed is the bytes, not the JSON.
		body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, maxBytes))
		if err != nil {
			http.Error(response, "The body is too long, or ended early", http.StatusRequestEntityTooLarge)
			return
		}
		if err := webhook.Verify(body, request.Header); err != nil {
			http.Error(response, err.Error(), http.StatusUnauthorized)
			return
		}
		// Drop duplicates by the header webhook-id, in the transaction that does the work.
		log.Printf("received %s", request.Header.Get("webhook-id"))
		response.WriteHeader(http.StatusNoContent)
	})
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: mux, ReadTimeout: 30 * time.Second}
	log.Fatal(server.ListenAndServe())
}
