package seal

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// TransitOptions is a key service with the HTTP interface of Vault's transit engine.
type TransitOptions struct {
	Address   string // "https://vault.example.com:8200"
	Mount     string // of the engine, "transit"
	Key       string // name of the key that wraps
	Token     string
	TokenFile string // read at every request, so that an agent may renew it; instead of Token
	Namespace string
	CAFile    string        // certificates to trust, PEM; "": the system's
	Timeout   time.Duration // of one request
}

// Transit is a Keeper that asks a key service. The wrapping key never leaves the service; the recording's id
// goes along as associated data, so that a wrapped key opens no other recording.
type Transit struct {
	o      TransitOptions
	base   string
	client *http.Client
}

// transitAlgorithm marks what a Transit has wrapped.
const transitAlgorithm = "transit"

// Validate names what cannot work. No error tells the token.
func (o TransitOptions) Validate() error {
	var errs []error
	u, err := url.Parse(o.Address)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		errs = append(errs, fmt.Errorf("address: %q is not an address like https://vault.example.com:8200", o.Address))
	}
	for name, v := range map[string]string{"mount": o.Mount, "key": o.Key} {
		if v == "" || strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
			errs = append(errs, fmt.Errorf("%s: %q is not a plain name", name, v))
		}
	}
	if (o.Token == "") == (o.TokenFile == "") {
		errs = append(errs, errors.New("token: set either token or token_file"))
	}
	if o.Timeout < 100*time.Millisecond || o.Timeout > time.Minute {
		errs = append(errs, fmt.Errorf("timeout: %v is not between 100ms and 1m", o.Timeout))
	}
	return errors.Join(errs...)
}

// NewTransit makes the client. It does not connect yet.
func NewTransit(o TransitOptions) (*Transit, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("seal: %w", err)
		}
		if conf.RootCAs = x509.NewCertPool(); !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("seal: %s holds no certificate", o.CAFile)
		}
	}
	return &Transit{
		o: o, base: strings.TrimRight(o.Address, "/") + "/v1/" + o.Mount + "/",
		client: &http.Client{CheckRedirect: stay, Timeout: o.Timeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute}},
	}, nil
}

// stay follows no redirect: the request would carry the token to a host that the operator has not named.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// transitError is a refusal of the service.
type transitError struct {
	status int
	texts  []string
}

func (e *transitError) Error() string {
	return fmt.Sprintf("seal: the key service answers %d: %s", e.status, strings.Join(e.texts, "; "))
}

// ask sends one request and decodes the data of the answer into out.
func (t *Transit) ask(ctx context.Context, method, path string, in map[string]string, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("seal: %w", err)
		}
		defer clear(b)
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, t.base+path, body)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	token := t.o.Token
	if t.o.TokenFile != "" {
		b, err := os.ReadFile(t.o.TokenFile)
		if err != nil {
			return fmt.Errorf("seal: read token of the key service: %w", err)
		}
		token = strings.TrimSpace(string(b))
	}
	req.Header.Set("X-Vault-Token", token)
	req.Header.Set("X-Vault-Request", "true")
	req.Header.Set("Content-Type", "application/json")
	if t.o.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", t.o.Namespace)
	}
	r, err := t.client.Do(req)
	if err != nil {
		return fmt.Errorf("seal: ask the key service: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxEnvelope))
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return fmt.Errorf("seal: ask the key service: %w", err)
	}
	defer clear(b)
	answer := struct {
		Data   json.RawMessage `json:"data"`
		Errors []string        `json:"errors"`
	}{}
	err = json.Unmarshal(b, &answer)
	if r.StatusCode != http.StatusOK {
		return &transitError{r.StatusCode, answer.Errors}
	}
	if err == nil {
		err = json.Unmarshal(answer.Data, out)
	}
	if err != nil {
		return fmt.Errorf("seal: the key service's answer makes no sense: %w", err)
	}
	return nil
}

// Current implements Keeper. It needs to be allowed to read the key's versions.
func (t *Transit) Current(ctx context.Context) (string, error) {
	var key struct {
		Latest int `json:"latest_version"`
	}
	if err := t.ask(ctx, http.MethodGet, "keys/"+t.o.Key, nil, &key); err != nil {
		return "", err
	}
	if key.Latest < 1 {
		return "", errors.New("seal: the key service tells no version of the key")
	}
	return t.id(strconv.Itoa(key.Latest)), nil
}

func (t *Transit) id(version string) string { return "transit:" + t.o.Key + ":" + version }

func transitContext(context string) string {
	return base64.StdEncoding.EncodeToString([]byte("cordboard data key 1\n" + context))
}

// Wrap implements Keeper.
func (t *Transit) Wrap(ctx context.Context, dataKey []byte, context string) (Wrapped, error) {
	var data struct {
		Ciphertext string `json:"ciphertext"`
	}
	in := map[string]string{"plaintext": base64.StdEncoding.EncodeToString(dataKey), "associated_data": transitContext(context)}
	if err := t.ask(ctx, http.MethodPost, "encrypt/"+t.o.Key, in, &data); err != nil {
		return Wrapped{}, err
	}
	version := transitVersion(data.Ciphertext)
	if version == "" {
		return Wrapped{}, errors.New("seal: the key service's answer is not of the form vault:v1:…")
	}
	return Wrapped{KeyID: t.id(version), Algorithm: transitAlgorithm, Value: []byte(data.Ciphertext)}, nil
}

// transitVersion is the version of the key in "vault:v3:…", "" for another form.
func transitVersion(s string) string {
	rest, ok := strings.CutPrefix(s, "vault:v")
	version, _, found := strings.Cut(rest, ":")
	if n, err := strconv.Atoi(version); !ok || !found || err != nil || n < 1 {
		return ""
	}
	return version
}

// Unwrap implements Keeper.
func (t *Transit) Unwrap(ctx context.Context, w Wrapped, context string) ([]byte, error) {
	if w.Algorithm != transitAlgorithm || !strings.HasPrefix(w.KeyID, "transit:"+t.o.Key+":") {
		return nil, ErrUnknownKey
	}
	if transitVersion(string(w.Value)) == "" {
		return nil, ErrUnwrap
	}
	var data struct {
		Plaintext string `json:"plaintext"`
	}
	err := t.ask(ctx, http.MethodPost, "decrypt/"+t.o.Key, map[string]string{"ciphertext": string(w.Value), "associated_data": transitContext(context)}, &data)
	var refused *transitError
	if errors.As(err, &refused) {
		switch refused.status {
		case http.StatusNotFound:
			return nil, errors.Join(ErrUnknownKey, err)
		case http.StatusBadRequest:
			return nil, errors.Join(ErrUnwrap, err)
		}
	}
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(data.Plaintext)
	if err != nil {
		return nil, ErrUnwrap
	}
	return key, nil
}

// Chain is several key services: the first that answers wraps, and what one has wrapped that one unwraps.
type Chain []Keeper

// Current implements Keeper: that of the first service, so that rewrapping brings keys back to it.
func (c Chain) Current(ctx context.Context) (string, error) { return c[0].Current(ctx) }

// Wrap implements Keeper.
func (c Chain) Wrap(ctx context.Context, dataKey []byte, context string) (Wrapped, error) {
	var errs []error
	for _, k := range c {
		w, err := k.Wrap(ctx, dataKey, context)
		if err == nil {
			return w, nil
		}
		errs = append(errs, err)
	}
	return Wrapped{}, errors.Join(errs...)
}

// Unwrap implements Keeper.
func (c Chain) Unwrap(ctx context.Context, w Wrapped, context string) ([]byte, error) {
	for _, k := range c {
		key, err := k.Unwrap(ctx, w, context)
		if !errors.Is(err, ErrUnknownKey) {
			return key, err
		}
	}
	return nil, ErrUnknownKey
}
