// webhook receives what Alertmanager sends to its webhooks, and shows it: a POST to any path is one notification, and a
// GET of / is the list of all alerts that came, each with its path, its status and its labels.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

// More would mean that nobody looks any more.
const most = 100_000

type alert struct {
	Status string            `json:"status"`
	Labels map[string]string `json:"labels"`
}

type seen struct {
	Path string `json:"path"`
	alert
}

type list struct {
	lock   sync.Mutex
	alerts []seen
}

func (all *list) receive(path string, request *http.Request) error {
	var notification struct {
		Alerts []alert `json:"alerts"`
	}
	if err := json.NewDecoder(request.Body).Decode(&notification); err != nil {
		return err
	}
	all.lock.Lock()
	defer all.lock.Unlock()
	for _, one := range notification.Alerts {
		if len(all.alerts) < most {
			all.alerts = append(all.alerts, seen{Path: path, alert: one})
		}
	}
	return nil
}

func (all *list) show(answer http.ResponseWriter) error {
	all.lock.Lock()
	defer all.lock.Unlock()
	answer.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(answer).Encode(append([]seen{}, all.alerts...))
}

func (all *list) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	var err error
	if request.Method == http.MethodPost {
		err = all.receive(request.URL.Path, request)
	} else {
		err = all.show(answer)
	}
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
	}
}

func main() {
	server := http.Server{Addr: ":8080", Handler: &list{}, ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}
